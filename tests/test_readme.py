"""What the README says runs."""

import re
from pathlib import Path

import numpy as np

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_example_of_the_readme_runs():
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert len(names["labels"]) == len(names["data"].videos[3])
    assert set(names["labels"]) <= set(range(7))
    lengths = np.linalg.norm(names["embedding"], axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


def test_both_commands_are_single_lines_that_pip_and_python_understand():
    for name in ("main", "test"):
        (command,) = re.findall(
            rf"<!-- {name} command -->\n```bash\n(.*?)\n```", README, flags=re.DOTALL
        )
        assert "\n" not in command
        assert command.startswith('python -m pip install ".[')
