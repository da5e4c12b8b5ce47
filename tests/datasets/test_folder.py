from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from skvas.datasets import load_folder

NAMES = ["pour milk", "stir", "SIL"]


def write_video(root, name, features, words=None, *, activity=""):
    """Write one video as features/<activity>/<name>.npy with its groundTruth."""
    for folder in "features", "groundTruth":
        (root / folder / activity).mkdir(parents=True, exist_ok=True)
    np.save(root / "features" / activity / f"{name}.npy", features)
    if words is not None:
        (root / "groundTruth" / activity / name).write_text("\n".join(words) + "\n")


def write_mapping(root, names=NAMES):
    (root / "mapping").mkdir(parents=True, exist_ok=True)
    lines = [f"{i} {name}" for i, name in enumerate(names)]
    (root / "mapping" / "mapping.txt").write_text("\n".join(lines) + "\n")


def ramp(n_frames, n_features=3):
    return np.arange(n_frames * n_features, dtype=np.float32).reshape(n_frames, -1)


@st.composite
def data_sets(draw):
    """Draw videos of one number of features, and a label for each frame."""
    n_features = draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    names = draw(
        st.lists(
            st.text("abcXYZ019_-.", min_size=1).filter(lambda name: name[0] != "."),
            min_size=len(lengths),
            max_size=len(lengths),
            unique_by=str.lower,  # some file systems know no case
        )
    )
    number = st.floats(-1e6, 1e6, width=32)
    videos, labels = [], []
    for n in lengths:
        videos.append(draw(hnp.arrays(np.float32, (n, n_features), elements=number)))
        labels.append(draw(hnp.arrays(np.int64, n, elements=st.integers(0, 2))))
    return dict(zip(names, zip(videos, labels, strict=True), strict=True))


@given(data_sets(), st.sampled_from(["npy", "txt"]), st.sampled_from(["", ".txt"]))
def test_what_was_written_is_read(tmp_path_factory, data, kind, suffix):
    root = tmp_path_factory.mktemp("data")
    write_mapping(root)
    (root / "features").mkdir()
    (root / "groundTruth").mkdir()
    for name, (video, labels) in data.items():
        if kind == "npy":
            np.save(root / "features" / f"{name}.npy", video)
        else:
            np.savetxt(root / "features" / f"{name}.txt", video, fmt="%.9g")
        text = "".join(NAMES[label] + "\n" for label in labels)
        (root / "groundTruth" / f"{name}{suffix}").write_text(text)

    read = load_folder(root)

    assert read.names == sorted(data)
    assert read.action_names == NAMES
    assert read.activities is None
    for name, video, labels in zip(read.names, read.videos, read.labels, strict=True):
        assert video.dtype == np.float32
        assert_array_equal(video, data[name][0])
        assert_array_equal(labels, data[name][1])


@pytest.mark.parametrize("layout", ["activity outside", "activity inside"])
def test_activities_are_read_together_or_alone(tmp_path, layout):
    for activity, name in [("tea", "b"), ("coffee", "a")]:
        if layout == "activity outside":
            write_video(tmp_path / activity, name, ramp(4), ["stir"] * 4)
        else:
            write_video(tmp_path, name, ramp(4), ["stir"] * 4, activity=activity)

    both, tea = load_folder(tmp_path), load_folder(tmp_path, activity="tea")

    assert both.names == ["coffee/a", "tea/b"]
    assert both.activities == ["coffee", "tea"]
    assert (tea.names, tea.activities) == (["tea/b"], ["tea"])
    assert both.labels[1].tolist() == [0] * 4


def test_folders_without_features_beside_activities_are_none(tmp_path):
    write_video(tmp_path / "tea", "a", ramp(4))
    (tmp_path / "results" / "plots").mkdir(parents=True)
    assert load_folder(tmp_path).activities == ["tea"]


def test_activities_may_share_one_folder_of_labels(tmp_path):
    write_video(tmp_path, "a", ramp(2), activity="tea")
    (tmp_path / "groundTruth" / "a").write_text("stir\nSIL")
    assert load_folder(tmp_path).labels[0].tolist() == [1, 0]


def test_mappings_of_activities_are_joined_by_name(tmp_path):
    for activity, names in [("coffee", ["SIL", "pour"]), ("tea", ["SIL", "stir"])]:
        write_video(tmp_path / activity, activity, ramp(2), names)
        write_mapping(tmp_path / activity, names)
    data = load_folder(tmp_path)
    assert data.action_names == ["SIL", "pour", "stir"]
    assert [labels.tolist() for labels in data.labels] == [[0, 1], [0, 2]]


def test_labels_are_positions_whatever_the_ids(tmp_path):
    write_video(tmp_path, "a", ramp(2), ["stir", "SIL"])
    (tmp_path / "mapping").mkdir()
    text = "\ufeff7 stir\r\n3 SIL\r\n"
    (tmp_path / "mapping" / "mapping.txt").write_bytes(text.encode())
    data = load_folder(tmp_path)
    assert data.action_names == ["SIL", "stir"]
    assert data.labels[0].tolist() == [1, 0]


def test_mapping_may_lie_beside_the_features_and_have_tabs(tmp_path):
    write_video(tmp_path, "a", ramp(3), ["stir", "SIL", "pour milk"])
    (tmp_path / "mapping.txt").write_text("0\tstir\n1  pour milk \n2 SIL\n")
    data = load_folder(tmp_path)
    assert data.action_names == ["stir", "pour milk", "SIL"]
    assert data.labels[0].tolist() == [0, 2, 1]
    write_mapping(tmp_path)
    assert load_folder(tmp_path).action_names == NAMES


@pytest.mark.parametrize("kind", ["dict", "file"])
def test_names_that_share_an_id_are_one_action(tmp_path, kind):
    write_mapping(tmp_path, ["begin", "cut", "peel", "end"])
    write_video(tmp_path, "a", ramp(4), ["begin", "peel", "cut", "end"])
    mapping = {"peel": 5, "cut": 5, "begin": 2, "end": 2}
    if kind == "file":
        lines = [f"{key}\t{name}" for name, key in mapping.items()]
        (tmp_path / "eval.txt").write_text("\n".join(lines))
        mapping = str(tmp_path / "eval.txt")
    data = load_folder(tmp_path, mapping=mapping)
    assert data.action_names == ["begin", "peel"]
    assert data.labels[0].tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("mapping", [{"stir": "0"}, {0: "stir"}, ["stir"], 3])
def test_mapping_of_another_kind_is_reported(tmp_path, mapping):
    write_video(tmp_path, "a", ramp(1), ["stir"])
    with pytest.raises(TypeError, match="dict from names to integers, got"):
        load_folder(tmp_path, mapping=mapping)


def test_name_that_a_given_mapping_lacks_is_reported(tmp_path):
    write_video(tmp_path, "a", ramp(2), ["stir", "fly"])
    with pytest.raises(ValueError, match="line 2: unknown labels 'fly'.*has 'stir'"):
        load_folder(tmp_path, mapping={"stir": 0})


def test_marks_of_no_label_are_no_actions_unless_a_mapping_lists_them(tmp_path):
    write_video(tmp_path, "a", ramp(5), ["1", "-1", "0", "NA", "1"])
    write_video(tmp_path, "b", ramp(2), ["-1", "-1"])
    data = load_folder(tmp_path)
    assert data.action_names == ["0", "1"]
    assert [labels.tolist() for labels in data.labels] == [[1, -1, 0, -1, 1], [-1, -1]]
    data = load_folder(tmp_path, mapping={"0": 4, "1": 5, "NA": 6})
    assert data.action_names == ["0", "1", "NA"]
    assert data.labels[0].tolist() == [1, -1, 0, 2, 1]


def test_split_has_its_videos_in_the_order_of_the_folder(tmp_path):
    for activity, name in [
        ("coffee", "01"),
        ("tea", "02"),
        ("tea", "03"),
        ("tea", "04"),
    ]:
        write_video(tmp_path, name, ramp(2), ["stir"] * 2, activity=activity)
    split = tmp_path / "test.bundle"
    split.write_text("04.txt\ntea/02\n01\n")
    assert load_folder(tmp_path, split=split).names == ["coffee/01", "tea/02", "tea/04"]
    tea = load_folder(tmp_path, split=split, activity="tea")
    assert tea.names == ["tea/02", "tea/04"]
    split.write_text("04\n05.txt\n06.txt\n")
    with pytest.raises(FileNotFoundError, match="bundle' lists 05 and 1 more, and"):
        load_folder(tmp_path, split=split)
    split.write_text("\n")
    with pytest.raises(ValueError, match="lists no video; expected"):
        load_folder(tmp_path, split=split)


def test_activity_may_be_the_end_of_names(tmp_path):
    for name in ("P03_cam01_P03_tea", "P03_cam01_P03_milk", "tea_P03", "tea"):
        write_video(tmp_path, name, ramp(2))
    data = load_folder(tmp_path, activity="tea")
    assert data.names == ["P03_cam01_P03_tea"]
    with pytest.raises(FileNotFoundError, match="no name that ends in '_coffee'"):
        load_folder(tmp_path, activity="coffee")


def test_without_labels_there_are_none(tmp_path):
    write_video(tmp_path, "a", ramp(3))
    data = load_folder(tmp_path)
    assert data.labels is None
    assert data.action_names == []


@pytest.mark.parametrize("name", ["a.csv", "a_gt.txt", "b"])
@pytest.mark.parametrize("activity", ["", "tea"])
def test_row_51_files_of_labels_that_no_video_has_are_told(tmp_path, name, activity):
    write_video(tmp_path, "a", ramp(1), activity=activity)
    (tmp_path / "groundTruth" / activity / name).write_text("stir")
    (tmp_path / "groundTruth" / activity / ".hidden").touch()
    with pytest.warns(UserWarning, match=rf"{name}; expected .*'a' or 'a\.txt'"):
        data = load_folder(tmp_path)
    assert data.labels is None


def test_letters_of_the_folder_of_labels_and_of_suffixes_may_be_small_or_large(
    tmp_path,
):
    write_video(tmp_path, "a", ramp(2), ["stir", "SIL"])
    (tmp_path / "groundTruth" / "a").rename(tmp_path / "groundTruth" / "a.TXT")
    assert load_folder(tmp_path).labels[0].tolist() == [1, 0]
    (tmp_path / "groundTruth").rename(tmp_path / "groundtruth")
    assert load_folder(tmp_path).labels[0].tolist() == [1, 0]
    (tmp_path / "groundtruth" / "a.txt").write_text("SIL\nSIL")
    (tmp_path / "groundtruth" / "b.TXT").write_text("stir")
    assert load_folder(tmp_path).labels[0].tolist() == [0, 0]


def test_one_video_without_labels_is_named_by_a_warning(tmp_path):
    write_video(tmp_path, "a", ramp(3), ["stir"] * 3)
    write_video(tmp_path, "b", ramp(4))
    with pytest.warns(UserWarning, match="1 of 2 videos have no file .*: b"):
        data = load_folder(tmp_path)
    assert data.labels[0].tolist() == [0, 0, 0]
    assert data.labels[1] is None


def test_other_rate_of_labels_is_reported_with_its_ratio(tmp_path):
    write_video(tmp_path, "a", ramp(4), ["stir"] * 8)
    write_video(tmp_path, "b", ramp(5), ["stir"] * 10)
    with pytest.raises(
        ValueError, match=r"2 of 2.*'a' has 4 frames and 8 labels.*2 lab"
    ):
        load_folder(tmp_path)


def test_resampled_labels_are_those_of_the_frames_middle(tmp_path):
    write_video(tmp_path, "a", ramp(2), ["SIL", "stir", "stir", "SIL", "pour", "pour"])
    write_video(tmp_path, "b", ramp(6), ["SIL", "stir", "pour"])
    data = load_folder(tmp_path, on_mismatch="resample")
    assert [[data.action_names[k] for k in labels] for labels in data.labels] == [
        ["stir", "pour"],
        ["SIL", "SIL", "stir", "stir", "pour", "pour"],
    ]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=9), st.integers(1, 5))
def test_resampling_undoes_a_repetition_of_labels(tmp_path_factory, labels, times):
    root = tmp_path_factory.mktemp("data")
    write_mapping(root)
    words = [NAMES[label] for label in labels for _ in range(times)]
    write_video(root, "a", ramp(len(labels), 64), words)
    read = load_folder(root, on_mismatch="resample")
    assert len(read.videos[0]) == len(labels)
    assert read.labels[0].tolist() == labels


def test_features_with_one_column_per_frame_are_transposed(tmp_path):
    write_video(tmp_path, "a", ramp(4).T)
    write_video(tmp_path, "b", ramp(5).T)
    assert_array_equal(load_folder(tmp_path).videos[1], ramp(5))


def test_labels_tell_whether_a_lone_video_is_transposed(tmp_path):
    write_video(tmp_path, "a", ramp(4).T, ["stir"] * 4)
    assert_array_equal(load_folder(tmp_path).videos[0], ramp(4))


def test_activity_that_is_not_there_is_reported_with_those_that_are(tmp_path):
    write_video(tmp_path, "a", ramp(2), activity="tea")
    with pytest.raises(FileNotFoundError, match="no activity 'coffee'.*'tea'"):
        load_folder(tmp_path, activity="coffee")


def test_activity_of_a_folder_without_activities_is_reported(tmp_path):
    write_video(tmp_path, "a", ramp(2))
    with pytest.raises(FileNotFoundError, match="activity=None"):
        load_folder(tmp_path, activity="coffee")


@pytest.mark.parametrize("where", ["", "nowhere"])
def test_missing_folder_and_missing_features_are_reported(tmp_path, where):
    with pytest.raises(FileNotFoundError, match="no folder|no video features"):
        load_folder(tmp_path / where)


def test_option_is_one_of_two():
    with pytest.raises(ValueError, match="on_mismatch must be"):
        load_folder(".", on_mismatch="cut")


def test_videos_beside_activities_are_reported(tmp_path):
    write_video(tmp_path, "a", ramp(2))
    write_video(tmp_path, "b", ramp(2), activity="tea")
    with pytest.raises(ValueError, match="both videos and folders"):
        load_folder(tmp_path)


def test_features_in_two_files_are_reported(tmp_path):
    write_video(tmp_path, "a", ramp(2))
    (tmp_path / "features" / "a.txt").write_text("1 2\n")
    with pytest.raises(ValueError, match="'a' twice"):
        load_folder(tmp_path)


def test_different_numbers_of_features_are_reported(tmp_path):
    write_video(tmp_path, "a", ramp(4, 3))
    write_video(tmp_path, "b", ramp(5, 6))
    with pytest.raises(ValueError, match=r"'a' has shape \(4, 3\), 'b' has \(5, 6\)"):
        load_folder(tmp_path)


def test_unknown_label_is_reported_with_its_line(tmp_path):
    write_mapping(tmp_path)
    write_video(tmp_path, "a", ramp(3), ["stir", "fly", "stir"])
    with pytest.raises(ValueError, match="line 2: unknown labels 'fly'.*'pour milk'"):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "no labels"), ("stir\n\nstir\n", "no label on line 2")],
)
def test_label_file_with_gaps_is_reported(tmp_path, text, reason):
    write_video(tmp_path, "a", ramp(3))
    (tmp_path / "groundTruth" / "a").write_text(text)
    with pytest.raises(ValueError, match=reason):
        load_folder(tmp_path)


def test_label_file_that_is_no_text_is_reported(tmp_path):
    write_video(tmp_path, "a", ramp(3))
    (tmp_path / "groundTruth" / "a").write_bytes(b"\xff\xfe\x00stir")
    with pytest.raises(ValueError, match="not a text file"):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stir 0\n", "line 1: expected '<id> <name>'"),
        ("0 stir\n1\n", "line 2: expected"),
        ("0 stir\n0 SIL\n", "line 2: id 0"),
        ("0 stir\n1 stir\n", "name 'stir' occurs twice"),
    ],
)
def test_malformed_mapping_is_reported(tmp_path, text, reason):
    write_video(tmp_path, "a", ramp(3), ["stir"] * 3)
    write_mapping(tmp_path, [])
    (tmp_path / "mapping" / "mapping.txt").write_text(text)
    with pytest.raises(ValueError, match=reason):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((3, 2, 1)), r"shape \(3, 2, 1\)"),
        (np.zeros((3, 2), complex), "complex128"),
        (np.full((3, 2), "x"), "<U1"),
        (np.zeros((0, 2)), "empty"),
        (np.array([[None]]), "not a readable array.*object"),
    ],
)
def test_array_of_the_wrong_kind_is_reported(tmp_path, array, reason):
    write_video(tmp_path, "a", array)
    with pytest.raises(ValueError, match=rf"a\.npy.*{reason}"):
        load_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_features_that_are_no_array_are_reported(tmp_path, content):
    write_video(tmp_path, "a", ramp(3))
    (tmp_path / "features" / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npy.*not a readable array"):
        load_folder(tmp_path)


@pytest.mark.parametrize("content", ["1 2\n3\n", "one two\n", ""])
def test_text_features_that_are_no_table_are_reported(tmp_path, content):
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "a.txt").write_text(content)
    with pytest.raises(ValueError, match=r"a\.txt.*(not a readable array|empty)"):
        load_folder(tmp_path)


def test_files_that_are_no_features_are_passed_over(tmp_path):
    write_video(tmp_path, "a", ramp(3))
    for name in "README.md", ".hidden.npy":
        (tmp_path / "features" / name).write_text("no features")
    assert load_folder(tmp_path).names == ["a"]


def test_description_has_the_size_and_the_readme(tmp_path):
    write_video(tmp_path, "a", ramp(3), ["stir"] * 3)
    (tmp_path / "README.md").write_text("Made by hand.")
    text = load_folder(tmp_path).DESCR
    assert "1 videos, 3 frames (3 to 3 each), 3 features, 1 actions" in text
    assert text.endswith("Made by hand.")


def test_real_sets_are_read_whole(real_data):
    folders = [p for p in sorted(real_data.iterdir()) if (p / "features").is_dir()]
    assert folders
    for folder in folders:
        data = load_folder(folder)
        assert len(data.videos) == len(list((folder / "features").iterdir()))
        assert (data.labels is None) == (not (folder / "groundTruth").is_dir())
        if data.labels is None:
            continue
        for video, labels in zip(data.videos, data.labels, strict=True):
            assert len(video) == len(labels)
            assert labels.max() < len(data.action_names)


def test_video_files_that_features_were_made_of_are_known(tmp_path):
    (tmp_path / "features").mkdir()
    for name in "abc":
        np.save(tmp_path / "features" / f"{name}.npy", np.zeros((3, 2)))
    assert load_folder(tmp_path).media is None
    note = tmp_path / "extracted.json"
    note.write_text('{"videos": {"a": "../gone.mp4", "c": "clips/../c.mp4"}}')
    assert load_folder(tmp_path).media is None
    (tmp_path / "clips").mkdir()
    (tmp_path / "c.mp4").touch()
    assert load_folder(tmp_path).media == [None, None, str(tmp_path / "c.mp4")]
    odd = [f'{{"videos": {{"{name}": "a.mp4"}}}}' for name in ("../a", "/a")]
    odd.append('{"videos": {"a": "a\\u0000.mp4"}}')
    for text in ("{", "[]", '{"videos": {"a": 1}}', "{}", "[" * 100_000, *odd):
        note.write_text(text)
        with pytest.raises(ValueError, match=r"extracted\.json' is not as skvas"):
            load_folder(tmp_path)


def test_notes_of_others_name_videos_and_no_other_files(tmp_path, monkeypatch):
    write_video(tmp_path, "a", ramp(4))
    note = tmp_path / "extracted.json"
    secret = tmp_path / "secret.txt"
    secret.write_text("not looked at")
    for named in ("secret.txt", str(secret)):
        note.write_text(json.dumps({"videos": {"a": named}}))
        assert load_folder(tmp_path).media is None
    looked_at = []
    is_file = type(secret).is_file
    monkeypatch.setattr(
        type(secret), "is_file", lambda path: looked_at.append(path) or is_file(path)
    )
    for named in ("//elsewhere/share/a.mp4", r"\\elsewhere\share\a.mp4"):
        note.write_text(json.dumps({"videos": {"a": named}}))
        assert load_folder(tmp_path).media is None
    assert looked_at
    assert not any("elsewhere" in str(path) for path in looked_at)


@pytest.mark.parametrize("layout", ["outside", "inside"])
def test_times_and_media_are_those_of_the_activity(tmp_path, layout):
    for number, activity in enumerate(["coffee", "tea"]):
        root, inner = tmp_path / activity, ""
        if layout == "inside":
            root, inner = tmp_path, activity
        write_video(root, "01", ramp(4), activity=inner)
        (root / "times" / inner).mkdir(parents=True)
        np.save(root / "times" / inner / "01.npy", np.arange(4.0) + number)
        (tmp_path / f"{activity}.mp4").touch()
    if layout == "outside":
        for activity in ("coffee", "tea"):
            note = {"videos": {"01": f"../{activity}.mp4"}}
            (tmp_path / activity / "extracted.json").write_text(json.dumps(note))
    else:
        note = {"videos": {f"{name}/01": f"{name}.mp4" for name in ("coffee", "tea")}}
        (tmp_path / "extracted.json").write_text(json.dumps(note))

    both, tea = load_folder(tmp_path), load_folder(tmp_path, activity="tea")

    assert [times[0] for times in both.times] == [0, 1]
    assert both.media == [str(tmp_path / f"{name}.mp4") for name in ("coffee", "tea")]
    assert tea.times[0][0] == 1
    assert tea.media == [str(tmp_path / "tea.mp4")]


def test_times_and_media_of_a_name_that_two_activities_have_are_nobodys(tmp_path):
    for activity, names in [("coffee", ["01", "02"]), ("tea", ["01"])]:
        for name in names:
            write_video(tmp_path, name, ramp(4), activity=activity)
    (tmp_path / "times").mkdir()
    for name in ("01", "02"):
        np.save(tmp_path / "times" / f"{name}.npy", np.arange(4.0))
        (tmp_path / f"{name}.mp4").touch()
    note = {"videos": {"01": "01.mp4", "02": "02.mp4"}}
    (tmp_path / "extracted.json").write_text(json.dumps(note))
    data = load_folder(tmp_path)
    assert data.times is None
    assert data.media == [None, str(tmp_path / "02.mp4"), None]
    assert load_folder(tmp_path, activity="tea").times is None


def test_messages_name_the_activity(tmp_path):
    write_video(tmp_path / "coffee", "01", ramp(4), ["stir"] * 4)
    write_video(tmp_path / "tea", "01", ramp(4), ["stir"] * 3)
    with pytest.raises(ValueError, match="'tea/01' has 4 frames and 3 labels"):
        load_folder(tmp_path)
    (tmp_path / "tea" / "groundTruth" / "01").unlink()
    with pytest.warns(UserWarning, match="None for labels: tea/01"):
        load_folder(tmp_path)
    write_video(tmp_path / "tea", "01", ramp(5, 2), ["stir"] * 5)
    with pytest.raises(ValueError, match=r"'coffee/01' has shape.*'tea/01' has"):
        load_folder(tmp_path)


def test_files_of_features_may_end_in_capitals(tmp_path):
    write_video(tmp_path, "a", ramp(4), ["stir"] * 4)
    write_video(tmp_path, "b", ramp(5), ["stir"] * 5)
    features = tmp_path / "features"
    (features / "a.npy").rename(features / "a.NPY")
    np.savetxt(features / "b.Txt", np.load(features / "b.npy"))
    (features / "b.npy").unlink()
    data = load_folder(tmp_path)
    assert data.names == ["a", "b"]
    assert [len(labels) for labels in data.labels] == [4, 5]
    np.save(features / "a.npy", ramp(4))
    if len([*features.iterdir()]) == 3:  # not where systems ignore case
        with pytest.raises(ValueError, match=r"'a' twice, as 'a\.NPY' and as 'a\.npy'"):
            load_folder(tmp_path)


def test_names_are_found_however_systems_write_their_accents(tmp_path):
    """macOS writes an accent as a character of its own."""
    apart, one = "the\u0301", "th\u00e9"
    write_video(tmp_path, apart, ramp(4), activity=apart)
    labels = tmp_path / "groundTruth" / one
    labels.mkdir(exist_ok=True)
    (tmp_path / "groundTruth" / apart).rmdir()
    (labels / f"{one}.txt").write_text("stir\n" * 4)
    (tmp_path / "a.mp4").touch()
    note = {"videos": {f"{one}/{one}": "a.mp4"}}
    (tmp_path / "extracted.json").write_text(json.dumps(note))
    (tmp_path / "split.txt").write_text(f"{one}.txt\n", encoding="utf-8")
    data = load_folder(tmp_path, activity=one, split=tmp_path / "split.txt")
    assert data.names == [f"{apart}/{apart}"]
    assert len(data.labels[0]) == 4
    assert data.media == [str(tmp_path / "a.mp4")]
