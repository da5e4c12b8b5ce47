"""What all tasks share is packed once, and unpacked once by each worker."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

from skvas.applications._sent import SentOnce


class Counted:
    """Counts how often it is pickled."""

    n_pickled = 0

    def __reduce__(self):
        Counted.n_pickled += 1
        return Counted, ()


def receive(sent):
    return pickle.loads(pickle.dumps(sent)).value


def test_value_is_packed_once():
    sent, before = SentOnce(Counted()), Counted.n_pickled
    assert receive(sent) is receive(sent)
    assert Counted.n_pickled == before + 1


def test_last_value_is_kept():
    first, second = SentOnce(["first"]), SentOnce(["second"])
    assert [receive(sent) for sent in (first, second, first)] == [
        ["first"],
        ["second"],
        ["first"],
    ]


def test_threads_have_values_of_their_own():
    sent = SentOnce(["shared"])
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(receive, sent).result()
    assert there == ["shared"]
    assert there is not receive(sent)


def test_value_may_hold_a_lambda():
    assert receive(SentOnce(lambda x: x + 1))(1) == 2
