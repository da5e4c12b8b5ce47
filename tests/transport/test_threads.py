"""Small work stays on one thread, and the number of threads stays as it was."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from threading import Event, Thread

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from skvas._product_threads import SHARED_PRODUCTS, product_threads
from skvas.transport._threads import (
    SHARED_ENTRIES,
    all_threads,
    single_threaded,
    spare_threads,
)

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are those of Unix")
CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def two_threads():
    """Give torch two threads for a test."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("n_entries", "device", "n_threads"),
    [
        (0, CPU, 1),
        (SHARED_ENTRIES - 1, CPU, 1),
        (SHARED_ENTRIES, CPU, 2),
        (0, GPU, 2),
    ],
)
def test_small_work_on_a_cpu_alone_is_kept_on_one_thread(n_entries, device, n_threads):
    with single_threaded(n_entries, device):
        assert torch.get_num_threads() == n_threads
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_threads_are_given_back_after_an_error():
    with pytest.raises(KeyError), single_threaded(0, CPU):
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_large_work_alone_gets_the_threads_that_the_rest_of_a_fit_is_spared():
    with spare_threads(), spare_threads():  # fit calls transform
        assert torch.get_num_threads() == 1
        with single_threaded(SHARED_ENTRIES, CPU):
            assert torch.get_num_threads() == 2
        with single_threaded(0, CPU), all_threads():
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with all_threads(), single_threaded(SHARED_ENTRIES, CPU):
        assert torch.get_num_threads() == 2


def blas_threads():
    libraries = threadpool_info()
    return {each["num_threads"] for each in libraries if each["user_api"] == "blas"}


has_blas = pytest.mark.skipif(
    not blas_threads(), reason="threadpoolctl does not know the library of NumPy"
)


@has_blas
def test_products_of_numpy_have_one_thread_unless_they_are_large():
    with threadpool_limits(2, user_api="blas"):
        with spare_threads():
            with spare_threads():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
            with product_threads(SHARED_PRODUCTS - 1):
                assert blas_threads() == {1}
            with product_threads(SHARED_PRODUCTS):
                assert blas_threads() == {2}
            assert blas_threads() == {1}
        assert blas_threads() == {2}
        with product_threads(SHARED_PRODUCTS):
            assert blas_threads() == {2}
        assert blas_threads() == {2}


@has_blas
def test_fits_side_by_side_leave_the_number_of_threads_as_it_was():
    began, may_end = Event(), Event()

    def fit():
        with spare_threads():
            began.set()
            may_end.wait(10)

    with threadpool_limits(2, user_api="blas"):
        other = Thread(target=fit)
        with spare_threads():
            other.start()
            began.wait(10)
            assert blas_threads() == {1}
        assert blas_threads() == {2}
        may_end.set()
        other.join()
        assert blas_threads() == {2}


def run(script, folder):
    """Run a script in a process of its own; return the words that it prints."""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return found.stdout.split()


@forks
def test_process_that_any_program_forks_keeps_its_threads(tmp_path):
    script = """
        import os, torch, skvas.transport
        torch.set_num_threads(3)
        if os.fork() == 0:
            os._exit(torch.get_num_threads())
        print(os.waitstatus_to_exitcode(os.wait()[1]), torch.get_num_threads())
    """
    assert run(script, tmp_path) == ["3", "3"]


@forks
def test_forked_process_solves_without_the_threads_that_it_lost(tmp_path):
    script = """
        import os, torch
        from skvas.transport import Distinct, fused_gromov_wasserstein

        torch.set_num_threads(2)
        cost = torch.rand(1, 3000, 400)
        def solve():
            options = {"lambda_y": 0.1, "max_iter": 1}
            return fused_gromov_wasserstein(cost, Distinct(), Distinct(), **options)
        expected = solve().plan  # the threads are there
        if os.fork() == 0:
            found, n_threads = solve().plan, torch.get_num_threads()
            torch.set_num_threads(1)  # what comes next is the child's own work
            os._exit(10 * torch.allclose(found, expected) + n_threads)
        print(os.waitstatus_to_exitcode(os.wait()[1]))
    """
    assert run(script, tmp_path) == ["12"]
