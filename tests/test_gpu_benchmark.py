"""The benchmark that waits for a GPU runs on the CPU, small."""

from __future__ import annotations

import pytest
import torch

from benchmarks.gpu import main


def test_benchmark_runs_where_there_is_no_gpu(capsys, tmp_path):
    main(["--device", "cpu", "--quick", "--out", str(tmp_path)])
    page = capsys.readouterr().out
    for name in ("ActionSegmenter", "VideoAligner", "JointAlignSegment"):
        assert f"| {name} | 0.0e+00 | 1.0000 |" in page
    assert "| 1 x 32 x 32 |" in page
    assert not [*tmp_path.iterdir()]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_benchmark_says_that_there_is_no_gpu():
    with pytest.raises(SystemExit, match="no GPU here"):
        main([])
