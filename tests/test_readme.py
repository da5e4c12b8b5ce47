"""What the README says runs."""

import re
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_example_of_the_readme_runs():
    example, *_ = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
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


def test_badges_say_what_the_project_file_says():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    badges = re.findall(r"\[!\[(\w[^:\]]*): ([^\]]+)\]", README)
    assert {name for name, _ in badges} == {"Licence", "Python", "Code style", "Types"}
    said = dict(badges)
    assert f'license = "{said["Licence"]}"' in text
    assert f'requires-python = ">={said["Python"].removesuffix(" or newer")}"' in text
    for name in ("Code style", "Types"):
        assert f"[tool.{said[name]}]" in text


def test_files_that_the_readme_names_are_there():
    links = re.findall(r"\]\(([^)]+)\)", README)
    local = [link for link in links if not link.startswith("https://")]
    assert "docs/_static/quickstart.png" in local
    assert all((ROOT / link).exists() for link in local)
