from __future__ import annotations

import json
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skvas.io import read_poses, read_recordings
from skvas.io._c3d import check_parameters, check_sizes
from skvas.preprocessing import PoseFeatures
from tests.conftest import data_folder

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(6, 4, 2))  # two animals of two points
SURE = np.where(np.arange(24).reshape(6, 4) % 5 == 0, 0.1, 0.9)
EXPECTED = np.where(SURE[..., None] < 0.5, np.nan, POINTS)
NAMES = ["anna nose", "anna tail", "ben nose", "ben tail"]


def columns():
    """Return the names of the columns of two animals, as DeepLabCut orders them."""
    return [
        ("netshuffle1", who, part, coordinate)
        for who in ("anna", "ben")
        for part in ("nose", "tail")
        for coordinate in ("x", "y", "likelihood")
    ]


def values():
    return np.dstack([POINTS, SURE]).reshape(6, 12)


def write_deeplabcut(path, n_animals=2):
    n = 6 * n_animals
    levels = list(zip(*columns()[:n], strict=True))
    names = ["scorer", "individuals", "bodyparts", "coords"]
    rows = [[name, *level] for name, level in zip(names, levels, strict=True)]
    if n_animals == 1:
        del rows[1]
    rows += [[str(i), *map(str, row[:n])] for i, row in enumerate(values())]
    path.write_text("\n".join(",".join(row) for row in rows))
    return path


def test_deeplabcut_with_two_animals(tmp_path):
    write_deeplabcut(tmp_path / "cagenetshuffle1_filtered.csv")
    found = read_poses(tmp_path, fps=30)
    assert (found.names, found.fps) == (["cage"], [30])
    assert found.feature_names == NAMES
    assert_allclose(found[0], EXPECTED)
    assert found.notes == [
        "20.8% of the points are missing or have a confidence below 0.5"
    ]
    assert_allclose(read_poses(tmp_path, min_confidence=0)[0], POINTS)


def test_deeplabcut_with_one_animal_and_gaps(tmp_path):
    file = write_deeplabcut(tmp_path / "run.csv", n_animals=1)
    text = file.read_text().splitlines()
    text[4] = "1,,,,1.0,2.0,0.9"
    file.write_text("\n".join(text))
    found = read_poses(file)
    assert (found.names, found.feature_names) == (["run"], ["nose", "tail"])
    assert_array_equal(found[0][1], [[np.nan, np.nan], [1, 2]])


def test_frames_that_deeplabcut_leaves_out_are_missing(tmp_path):
    file = write_deeplabcut(tmp_path / "a.csv")
    lines = file.read_text().splitlines()
    (tmp_path / "b.csv").write_text("\n".join([*lines[:5], *lines[7:]]))
    expected = EXPECTED.copy()
    expected[1:3] = np.nan
    assert_array_equal(read_poses(tmp_path / "b.csv")[0], expected)
    write_h5(tmp_path / "b.h5", columns(), rows=[0, 3, 4, 5])
    assert_array_equal(read_poses(tmp_path / "b.h5")[0], expected)


@pytest.mark.parametrize("numbers", [(0, 5, 10), (2, 1, 0), (0, 1, 0), (0, 1, 10**9)])
def test_steps_and_what_does_not_number_frames_leave_rows_as_they_are(
    tmp_path, numbers
):
    head = "scorer,net,net\nbodyparts,a,a\ncoords,x,y\n"
    lines = [f"{number},{row},2" for row, number in enumerate(numbers)]
    (tmp_path / "a.csv").write_text(head + "\n".join(lines))
    assert_array_equal(read_poses(tmp_path)[0][:, 0], [[0, 2], [1, 2], [2, 2]])


def test_deeplabcut_with_images_in_several_cells(tmp_path):
    pandas = pytest.importorskip("pandas")
    images = [("labeled-data", "run", f"img{i}.png") for i in range(6)]
    frame = pandas.DataFrame(
        values(),
        index=pandas.MultiIndex.from_tuples(images),
        columns=pandas.MultiIndex.from_tuples(
            columns(), names=["scorer", "individuals", "bodyparts", "coords"]
        ),
    )
    frame.to_csv(tmp_path / "cage.csv")
    found = read_poses(tmp_path)
    assert found.feature_names == NAMES
    assert_allclose(found[0], EXPECTED)


@pytest.mark.parametrize("row", ["1,1.5,2", "1,1.5,2,0.9,"])
def test_row_73_row_of_another_width_is_refused(tmp_path, row):
    text = "scorer,net,net,net\nbodyparts,a,a,a\ncoords,x,y,likelihood\n0,1,2,1\n"
    (tmp_path / "a.csv").write_text(text + row)
    with pytest.raises(ValueError, match=r"line 5 has [35] cells, not 4"):
        read_poses(tmp_path)


def test_points_of_unknown_confidence_stay(tmp_path):
    sure = np.where(SURE < 0.5, np.nan, SURE)
    assert np.isnan(sure).any()
    with_z = np.concatenate([POINTS, np.zeros_like(sure)[..., None]], axis=-1)
    np.save(tmp_path / "a.npy", np.concatenate([with_z, sure[..., None]], axis=-1))
    assert_allclose(read_poses(tmp_path)[0], with_z)


def test_names_of_videos_may_have_that_of_the_network(tmp_path):
    file = tmp_path / "fishnet2net.csv"
    file.write_text("scorer,net,net\nbodyparts,a,a\ncoords,x,y\n0,1,2\n")
    assert read_poses(file).names == ["fishnet2"]


def test_names_of_a_dict_are_those_of_recordings(tmp_path):
    file = write_deeplabcut(tmp_path / "cagenetshuffle1.csv")
    media = {"ben": "b.mp4"}
    found = read_poses({"anna": file, "ben": file}, media=media)
    assert (found.names, found.media) == (["anna", "ben"], [None, "b.mp4"])


def test_individuals_and_points_are_picked(tmp_path):
    file = write_deeplabcut(tmp_path / "a.csv")
    found = read_poses(file, individuals=["ben"], keypoints=["tail", "nose"])
    assert found.feature_names == ["tail", "nose"]
    assert_allclose(found[0], EXPECTED[:, [3, 2]])
    with pytest.raises(
        ValueError, match="no individual 'carl'; there are 'anna', 'ben'"
    ):
        read_poses(file, individuals=["carl"])


def write_h5(path, kind, rows=range(6)):
    pickled = kind if isinstance(kind, bytes) else pickle.dumps(kind, 0)
    h5py = pytest.importorskip("h5py")
    dtype = [("index", "i8"), ("values_block_0", "f8", (12,))]
    data = np.zeros(len(rows), dtype=dtype)
    data["index"], data["values_block_0"] = rows, values()[rows]
    with h5py.File(path, "w") as file:
        table = file.create_group("df_with_missing").create_dataset("table", data=data)
        table.attrs["values_block_0_kind"] = np.void(pickled)
    return path


def test_deeplabcut_in_hdf5(tmp_path):
    found = read_poses(write_h5(tmp_path / "a.h5", columns()))
    assert found.feature_names == NAMES
    assert_allclose(found[0], EXPECTED)


@pytest.mark.parametrize("read", [read_poses, read_recordings])
def test_tables_beside_the_same_in_hdf5_are_passed_over(tmp_path, read):
    expected = read(write_h5(tmp_path / "a.h5", columns()))
    (tmp_path / "a.csv").write_text("scorer,none of this is read\n")
    found = read(tmp_path)
    assert found.names == ["a"]
    assert_allclose(found[0], expected[0])
    (note,) = (note for note in found.notes if "passed over" in note)
    assert note.endswith("beside .h5 files of the same names: a.csv")


def test_row_45_names_of_columns_run_no_code(tmp_path):
    class Bomb:
        def __reduce__(self):
            return exec, ("raise SystemExit",)

    file = write_h5(tmp_path / "a.h5", [Bomb()])
    with pytest.raises(ValueError, match=r"recording 'a': .*exec"):
        read_poses(file)


NEST = b"\x80\x02}U\x01a\x85" + b"2\x86" * 45


@pytest.mark.parametrize(
    ("pickled", "reason"),
    [
        (b"\x80\x02]r" + (10**8).to_bytes(4, "little") + b".", "place 100000000 "),
        (NEST + b"K\x01s.", "they hold EMPTY_DICT"),
        (b"\x80\x02U\x01a\x85" + b"2\x86" * 27 + b".", "they hold DUP"),
        (b"\x80\x02](U\x01a\x85q\x01h\x01\x86q\x02h\x02h\x02\x87e.", "no list of"),
        (b"\x80\x02]((U\x01aU\x01aU\x01aU\x01aU\x01atq\x01e.", "no list of"),
        (b"\x80\x02]", "cannot be read"),
    ],
)
def test_row_45_names_of_columns_are_short_lists_of_texts(tmp_path, pickled, reason):
    file = write_h5(tmp_path / "a.h5", pickled)
    with pytest.raises(ValueError, match=rf"recording 'a': names of .*{reason}"):
        read_poses(file)


def test_row_45_names_of_columns_have_a_length(tmp_path, monkeypatch):
    monkeypatch.setattr("skvas.io._deeplabcut._MOST_BYTES", 99)
    with pytest.raises(ValueError, match=r"they take \d+ bytes, at most 99"):
        read_poses(write_h5(tmp_path / "a.h5", columns()))


def test_row_45_names_of_columns_that_are_a_number_take_no_memory(tmp_path):
    h5py = pytest.importorskip("h5py")
    file = write_h5(tmp_path / "a.h5", columns())
    with h5py.File(file, "r+") as opened:
        attributes = opened["df_with_missing/table"].attrs
        attributes["values_block_0_kind"] = 10**12
    with pytest.raises(ValueError, match="recording 'a': names of columns"):
        read_poses(file)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_names_of_columns_may_be_numbers_in_any_protocol(tmp_path, protocol):
    named = [(a, b, {"nose": 1, "tail": 300}[c], d) for a, b, c, d in columns()]
    file = write_h5(tmp_path / "a.h5", pickle.dumps(named, protocol))
    expected = ["anna 1", "anna 300", "ben 1", "ben 300"]
    assert read_poses(file).feature_names == expected


def test_file_that_pandas_has_written(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    pytest.importorskip("h5py")
    index = pandas.MultiIndex.from_tuples(columns())
    frame = pandas.DataFrame(values(), columns=index)
    frame.to_hdf(tmp_path / "a.h5", key="df_with_missing", format="table", mode="w")
    assert_allclose(read_poses(tmp_path / "a.h5")[0], EXPECTED)


def test_analysis_files_of_sleap(tmp_path):
    h5py = pytest.importorskip("h5py")
    apart = EXPECTED.reshape(6, 2, 2, 2)
    with h5py.File(tmp_path / "cage.analysis.h5", "w") as file:
        file["tracks"] = apart.transpose(1, 3, 2, 0)
        file["point_scores"] = SURE.reshape(6, 2, 2).transpose(1, 2, 0)
        file["node_names"] = [b"nose", b"tail"]
        file["track_names"] = [b"anna", b"ben"]
    found = read_poses(tmp_path)
    assert (found.names, found.feature_names) == (["cage"], NAMES)
    assert_allclose(found[0], EXPECTED)


@pytest.mark.parametrize("shape", [(6, 2, 2, 2), (1, 12, 2, 2)])
def test_analysis_files_of_sleap_may_say_how_their_axes_run(shape, tmp_path):
    h5py = pytest.importorskip("h5py")
    apart = EXPECTED.reshape(6, 2, 2, 2)
    with h5py.File(tmp_path / "cage.h5", "w") as file:
        file["tracks"] = apart
        file["tracks"].attrs["dims"] = '["frame", "track", "node", "xy"]'
        file["point_scores"] = SURE.reshape(6, 2, 2)
        file["point_scores"].attrs["dims"] = '["frame", "track", "node"]'
        file["node_names"] = [b"nose", b"tail"]
        file["track_names"] = [b"anna", b"ben"]
    found = read_poses(tmp_path)
    assert found.feature_names == NAMES
    assert_allclose(found[0], EXPECTED)
    with h5py.File(tmp_path / "cage.h5", "r+") as file:
        file["tracks"].attrs["dims"] = '["frame", "track", "node", "xyz"]'
    with pytest.raises(ValueError, match="recording 'cage': .*has the axes frame, "):
        read_poses(tmp_path)
    with h5py.File(tmp_path / "cage.h5", "r+") as file:
        del file["tracks"], file["point_scores"]
        file["tracks"] = apart.reshape(shape)
    if shape == (6, 2, 2, 2):  # which axes are which cannot be told
        return
    with pytest.raises(ValueError, match=r"'tracks' has shape .* 2 nodes"):
        read_poses(tmp_path)


def test_damaged_poses_are_one_error(tmp_path):
    names = "bodyparts,a,a,b\ncoords,x,y,x\n"
    (tmp_path / "r.csv").write_text(f"{names}0,1,2,3\n")
    with pytest.raises(ValueError, match="'r': the point 'b' has no column of its 'y'"):
        read_poses(tmp_path / "r.csv")
    header = "bodyparts,a,a\ncoords,x,y\n"
    (tmp_path / "e.csv").write_text(header)
    with pytest.raises(ValueError, match="recording 'e': it has no frame"):
        read_poses(tmp_path / "e.csv")


def write_analysis(path, **parts):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["node_names"] = [b"nose", b"tail"]
        file["tracks"] = POINTS.reshape(6, 2, 2, 2).transpose(1, 3, 2, 0)
        for name, part in parts.items():
            file[name] = part
    return path


def test_row_73_hdf5_in_which_the_library_fails_is_named(tmp_path):
    path = write_analysis(tmp_path / "a.h5")
    data = bytearray(path.read_bytes())
    place = data.index(b"SNOD") + 8  # where the name of the first part stands
    data[place : place + 2] = b"\xff\xff"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.h5' lacks a part, or is damaged: "):
        read_poses(path)


def test_row_73_names_that_are_no_text_are_told(tmp_path):
    path = write_analysis(tmp_path / "a.h5", track_names=[b"\xff", b"b"])
    with pytest.raises(ValueError, match="recording 'a': .*can't decode byte"):
        read_poses(path)


@pytest.mark.parametrize("kind", ["link", "soft link", "storage", "virtual"])
@pytest.mark.parametrize("name", ["tracks", "table"])
def test_row_45_values_in_other_files_are_not_read(tmp_path, name, kind):
    h5py = pytest.importorskip("h5py")
    secret, path = tmp_path / "secret", tmp_path / "a.h5"
    if name == "tracks":
        write_analysis(path)
    else:
        write_h5(path, columns())
    with h5py.File(path, "r+") as file:
        group = file if name == "tracks" else file["df_with_missing"]
        shape, dtype = group[name].shape, group[name].dtype
        values, about = group[name][()], dict(group[name].attrs)
        del group[name]
        if kind == "link":
            group[name] = h5py.ExternalLink(secret, "/x")
        elif kind == "soft link":
            file["x"] = values
            group[name] = h5py.SoftLink("/x")
        elif kind == "storage":
            places = [(str(secret), 0, values.nbytes)]
            group.create_dataset(name, shape, dtype, external=places)
        else:
            layout = h5py.VirtualLayout(shape, dtype)
            layout[...] = h5py.VirtualSource(secret, "x", shape, dtype)
            group.create_virtual_dataset(name, layout)
        if "link" not in kind:
            group[name].attrs.update(about)
    if kind == "storage":
        secret.write_bytes(values.tobytes())
    else:
        with h5py.File(secret, "w") as file:
            file["x"] = values
    with pytest.raises(ValueError, match=f"'a': the values of '{name}' are not in"):
        read_poses(path)


def test_links_beside_the_table_are_not_followed(tmp_path):
    h5py = pytest.importorskip("h5py")
    file = write_h5(tmp_path / "a.h5", columns())
    with h5py.File(file, "r+") as opened:
        opened["a"] = h5py.ExternalLink("nowhere", "/x")
    assert_allclose(read_poses(file)[0], EXPECTED)


@pytest.mark.parametrize("name", ["tracks", "node_names", "point_scores"])
def test_row_45_hdf5_that_claims_to_be_large_is_refused(tmp_path, name):
    h5py = pytest.importorskip("h5py")
    path = write_analysis(tmp_path / "a.h5")
    shape = {"tracks": (1, 2, 2, 10**10), "node_names": (10**10,)}.get(name, (10**10,))
    with h5py.File(path, "r+") as file:
        file.pop(name, None)
        file.create_dataset(name, shape, "u1", chunks=True)
    with pytest.raises(ValueError, match=f"'a': '{name}' of shape .* would be"):
        read_poses(path)


def test_poses_that_were_compressed_well_are_read(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = write_analysis(tmp_path / "a.h5")
    shape = (1, 2, 2, 10**6)
    with h5py.File(path, "r+") as file:
        del file["tracks"]
        zeros = np.zeros(shape, np.float64)
        file.create_dataset(
            "tracks", data=zeros, chunks=(1, 2, 2, 10**5), compression=9, shuffle=True
        )
        stored = file["tracks"].id.get_storage_size()
        assert zeros.nbytes > 900 * stored
    assert read_poses(path)[0].shape == (10**6, 2, 2)


def test_row_73_one_body_of_many_points_does_not_fill_the_memory(tmp_path):
    frames = [[{"x": 1, "y": 1}] * 4000] + [[]] * 4000
    (tmp_path / "a.json").write_text(json.dumps(frames))
    with pytest.raises(ValueError, match="4000 in each of 4001 frames; leave out"):
        read_poses(tmp_path / "a.json")
    body = {"people": [{"pose_keypoints_2d": [1, 1, 1] * 4000}]}
    (tmp_path / "clip").mkdir()
    for number, frame in ((0, body), (4000, {"people": []}), (3999, {"people": []})):
        file = tmp_path / "clip" / f"{number}_keypoints.json"
        file.write_text(json.dumps(frame))
    for number in range(1, 10):
        file = tmp_path / "clip" / f"{number}_keypoints.json"
        file.write_text(json.dumps({"people": []}))
    with pytest.raises(ValueError, match="4000 in each of 4001 frames; leave out"):
        read_poses(tmp_path / "clip")


def test_one_body_among_many_frames_is_read(tmp_path):
    frames = [[{"x": 1, "y": 1}] * 543] + [[]] * 5000
    (tmp_path / "a.json").write_text(json.dumps(frames))
    assert read_poses(tmp_path / "a.json")[0].shape == (5001, 543, 2)


def test_projects_of_sleap(tmp_path):
    sleap_io = pytest.importorskip("sleap_io")
    skeleton = sleap_io.Skeleton(["nose", "tail"])
    video = sleap_io.Video("cage.mp4", open_backend=False)
    tracks = [sleap_io.Track("anna"), sleap_io.Track("ben")]
    frames = []
    for index, (pose, sure) in enumerate(zip(POINTS, SURE, strict=True)):
        instances = [
            sleap_io.PredictedInstance.from_numpy(
                pose[2 * i : 2 * i + 2],
                skeleton=skeleton,
                point_scores=sure[2 * i : 2 * i + 2],
                score=1.0,
                track=tracks[i],
            )
            for i in range(2)
        ]
        frames.append(
            sleap_io.LabeledFrame(video=video, frame_idx=index, instances=instances)
        )
    sleap_io.Labels(frames, videos=[video], skeletons=[skeleton], tracks=tracks).save(
        str(tmp_path / "a.slp")
    )
    found = read_poses(tmp_path / "a.slp")
    assert found.feature_names == NAMES
    assert_allclose(found[0], EXPECTED, atol=1e-6)
    for frame in frames:
        for instance in frame.instances:
            instance.track = None
    untracked = sleap_io.Labels(frames, videos=[video], skeletons=[skeleton])
    untracked.save(str(tmp_path / "b.slp"))
    with pytest.raises(ValueError, match=r"recording 'b': .* no tracks.*track them"):
        read_poses(tmp_path / "b.slp")


@pytest.mark.parametrize("kind", ["link", "storage", "virtual"])
def test_row_45_projects_of_sleap_that_lead_to_other_files_are_refused(tmp_path, kind):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.zeros(4, "i1")
    (tmp_path / "secret.bin").write_bytes(bytes(4))
    with h5py.File(tmp_path / "a.slp", "w") as file:
        group = file.create_group("video0")
        if kind == "link":
            group["values"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/x")
        elif kind == "storage":
            where = [(str(tmp_path / "secret.bin"), 0, 4)]
            group.create_dataset("values", (4,), "i1", external=where)
        else:
            layout = h5py.VirtualLayout((4,), "i1")
            layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "x", (4,))
            group.create_virtual_dataset("values", layout)
    with pytest.raises(
        ValueError, match="'a': the values of 'video0/values' are not in"
    ):
        read_poses(tmp_path / "a.slp")


def test_row_45_projects_of_sleap_open_no_video(tmp_path, monkeypatch):
    given = {}

    def load_file(path, **options):
        given.update(options)
        raise ValueError("looked at")

    monkeypatch.setitem(sys.modules, "sleap_io", SimpleNamespace(load_file=load_file))
    (tmp_path / "a.slp").write_bytes(b"not looked at")
    with pytest.raises(ValueError, match="looked at"):
        read_poses(tmp_path / "a.slp")
    assert given == {"open_videos": False}


def landmarks(pose, sure):
    return [
        {"x": x, "y": y, "z": 0.0, "visibility": s}
        for (x, y), s in zip(pose.tolist(), sure.tolist(), strict=True)
    ]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: body,
        lambda body: {"landmarks": [body]},
        lambda body: {"poseLandmarks": body, "time": 3},
        lambda body: {"pose_landmarks": {"landmark": body}},
    ],
)
def test_mediapipe(tmp_path, wrap):
    frames = [wrap(landmarks(*pair)) for pair in zip(POINTS, SURE, strict=True)]
    frames[2] = None
    frames[3] = {"landmarks": []}
    (tmp_path / "a.json").write_text(json.dumps(frames))
    found = read_poses(tmp_path)
    expected = EXPECTED.copy()
    expected[2:4] = np.nan
    assert_allclose(found[0][..., :2], expected)
    assert found[0].shape == (6, 4, 3)


def test_openpose(tmp_path):
    for name in ("anna", "ben"):
        folder = tmp_path / name
        folder.mkdir()
        for index in range(11):
            body = np.dstack([POINTS[index % 6][None], SURE[None, index % 6]])
            small = body * [1, 1, 0.1]
            people = [{"pose_keypoints_2d": b.ravel().tolist()} for b in (small, body)]
            if index == 2:
                people = []
            # Numbers without leading zeros: 10 comes after 9.
            file = folder / f"{name}_{index}_keypoints.json"
            file.write_text(json.dumps({"version": 1.3, "people": people}))
    found = read_poses(tmp_path, fps=30)
    assert found.names == ["anna", "ben"]
    assert_allclose(found[0][:2], EXPECTED[:2])
    assert np.isnan(found[0][2]).all()
    assert_allclose(found[0][10], EXPECTED[4])
    assert read_poses(tmp_path / "anna").names == ["anna"]


def write_openpose(folder, prefix, numbers, shift=0.0):
    for number in numbers:
        body = np.dstack([POINTS[number % 6][None] + shift, np.ones((1, 4))])
        people = [{"pose_keypoints_2d": body.ravel().tolist()}]
        file = folder / f"{prefix}{number:012d}_keypoints.json"
        file.write_text(json.dumps({"people": people}))


def test_clips_in_one_folder_of_openpose_are_recordings(tmp_path):
    write_openpose(tmp_path, "clipA_", range(4))
    write_openpose(tmp_path, "clipB_", range(6), shift=100.0)
    for found in (read_poses(tmp_path), read_recordings(tmp_path)):
        assert found.names == ["clipA", "clipB"]
        assert_allclose(found[0], POINTS[:4])
        assert_allclose(found[1], POINTS + 100)


@pytest.mark.parametrize("read", [read_poses, read_recordings])
def test_corrections_beside_poses_are_no_recording(tmp_path, read):
    write_deeplabcut(tmp_path / "run.csv")
    saved = {"format": "skvas corrections", "version": 1, "videos": []}
    (tmp_path / "corrections.json").write_text(json.dumps(saved))
    assert read(tmp_path).names == ["run"]


def test_clips_in_one_of_many_folders_of_openpose_are_refused(tmp_path):
    (tmp_path / "anna").mkdir()
    write_openpose(tmp_path / "anna", "clipA_", range(4))
    write_openpose(tmp_path / "anna", "clipB_", range(4))
    with pytest.raises(ValueError, match="'anna'.*'clipA', 'clipB'"):
        read_poses(tmp_path)


def test_frames_without_a_file_of_openpose_are_missing(tmp_path):
    write_openpose(tmp_path, "", [0, 1, 2, 50, 51])
    (found,) = read_poses(tmp_path)
    assert found.shape[0] == 52
    assert_allclose(found[[0, 1, 2, 50, 51]], POINTS[[0, 1, 2, 2, 3]])
    assert np.isnan(found[3:50]).all()


def test_frames_that_openpose_steps_over_are_not_missing(tmp_path):
    write_openpose(tmp_path, "clip_", [100, 105, 115, 120])
    found = read_poses(tmp_path)
    assert_array_equal(np.isnan(found[0]).any(axis=(1, 2)), [0, 0, 1, 0, 0])
    (note,) = (note for note in found.notes if note.startswith("rows of"))
    assert "one in 5 frames of its video from frame 100 on: times count" in note


@pytest.mark.parametrize("first", [0, 1, 12])
def test_rows_that_do_not_start_with_a_video_are_told(tmp_path, first):
    head = "scorer,net,net\nbodyparts,a,a\ncoords,x,y\n"
    for name, start in (("a", 0), ("b", first), ("c", first)):
        rows = [f"{start + row},{row},2" for row in range(4)]
        (tmp_path / f"{name}.csv").write_text(head + "\n".join(rows))
    told = " ".join(read_poses(tmp_path).notes)
    assert told.startswith(
        "rows of 'b' are frames of its video from frame 12 on (1 mo"
    ) == (first == 12)
    assert bool(told) == (first == 12)


@pytest.mark.parametrize("read", [read_poses, read_recordings])
def test_files_of_openpose_may_end_in_capitals_and_hidden_ones_are_none(tmp_path, read):
    write_openpose(tmp_path, "clip_", range(3))
    for file in [*tmp_path.iterdir()]:
        file.rename(
            file.with_name(file.name.replace("_keypoints.json", "_KEYPOINTS.JSON"))
        )
    (tmp_path / "._clip_000000000000_keypoints.json").write_bytes(b"\0\5\x16\7")
    found = read(tmp_path)
    assert found.names == [tmp_path.name]
    assert_allclose(found[0], POINTS[:3])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a_1", "a_01"], "'a_0?1_keypoints.json' and 'a_0?1_keypoints.json'"),
        (["a_1700000000", "a_0", "a_1"], "3 files for the frames 0 to 1700000000"),
    ],
)
def test_numbers_that_are_none_of_frames_are_refused(tmp_path, names, message):
    write_openpose(tmp_path, "", [0])
    (file,) = tmp_path.iterdir()
    text = file.read_text()
    file.unlink()
    for name in names:
        (tmp_path / f"{name}_keypoints.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_poses(tmp_path)


def test_c3d(tmp_path):
    ezc3d = pytest.importorskip("ezc3d")
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100]
    file["parameters"]["POINT"]["LABELS"]["value"] = ["hip", "knee", "foot"]
    points = RNG.normal(size=(6, 3, 3)).astype(np.float32)
    data = np.ones((4, 3, 6))
    data[:3] = points.transpose(2, 1, 0)
    data[:3, 1, 2] = np.nan
    file["data"]["points"] = data
    file.write(str(tmp_path / "a.c3d"))
    found = read_poses(tmp_path)
    assert (found.fps, found.feature_names) == ([100], ["hip", "knee", "foot"])
    points[2, 1] = np.nan
    assert_allclose(found[0], points, atol=1e-6)


def write_c3d(path, names, points, **more):
    """Write points of shape (n_frames, n_points, 3), and more parameters of them."""
    file = pytest.importorskip("ezc3d").c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100]
    file["parameters"]["POINT"]["LABELS"]["value"] = names
    data = np.ones((4, len(names), len(points)))
    data[:3] = points.transpose(2, 1, 0)
    file["data"]["points"] = data
    for name, value in more.items():
        file.add_parameter("POINT", name, value)
    file.write(str(path))


def test_what_c3d_computes_of_points_is_no_point(tmp_path):
    names = ["hip", "knee", "hip angle", "hip moment"]
    points = RNG.normal(size=(6, 4, 3)).astype(np.float32)
    computed = {"ANGLES": ["hip angle"], "MOMENTS": ["hip moment"]}
    write_c3d(tmp_path / "a.c3d", names, points, **computed)
    found = read_poses(tmp_path)
    assert found.feature_names == ["hip", "knee"]
    assert_allclose(found[0], points[:, :2], atol=1e-6)
    assert found.notes == ["left out, as no places: hip angle, hip moment"]
    asked = read_poses(tmp_path, keypoints=["hip", "hip angle"])
    assert (asked.feature_names, asked.notes) == (["hip", "hip angle"], [])
    assert_allclose(asked[0], points[:, [0, 2]], atol=1e-6)


def test_c3d_may_have_more_points_than_names_in_a_parameter(tmp_path):
    names = [f"M{place:03d}" for place in range(300)]
    points = RNG.normal(size=(3, 300, 3)).astype(np.float32)
    write_c3d(tmp_path / "a.c3d", names, points)
    found = read_poses(tmp_path)
    assert found.feature_names == names
    assert_allclose(
        read_poses(tmp_path, keypoints=["M299"])[0], points[:, 299:], atol=1e-6
    )


def c3d(*records, processor=84):
    """Return the bytes of a file that has parameters and no points."""
    section = b"\x01\x50\x01" + bytes([processor]) + b"".join(records) + b"\0\0"
    return (b"\x02\x50" + bytes(510) + section).ljust(1024, b"\0")


def record(name, content, number=1, step=None):
    step = len(content) + 2 if step is None else step
    head = bytes([len(name), number]) + name
    return head + step.to_bytes(2, "little") + content


GROUP = record(b"POINT", b"\0", number=255)
RATE = b"\x04\x00" + bytes(4) + b"\0"


@pytest.mark.parametrize("processor", [84, 85])
def test_parameters_of_c3d_may_follow_each_other(processor):
    for records in ([], [GROUP], [GROUP, record(b"RATE", RATE)]):
        check_parameters(c3d(*records, processor=processor))
    check_parameters(c3d(GROUP, record(b"RATE", RATE, step=0)))
    uncounted = bytearray(c3d(GROUP, record(b"RATE", RATE)))
    uncounted[514] = 0
    assert {*check_parameters(bytes(uncounted))} == {"POINT:", "POINT:RATE"}


def test_groups_of_c3d_have_the_name_that_comes_last():
    twice = [record(b"POINT", b"\0", number=n) for n in (255, 253)]
    other = record(b"ANALOG", b"\0", number=255)
    rates = [record(b"RATE", RATE, number=n) for n in (1, 3)]
    assert {*check_parameters(c3d(*twice, *rates))} == {"POINT:", "POINT:RATE"}
    found = check_parameters(c3d(*twice, rates[1], other))
    assert {*found} == {"POINT:", "ANALOG:", "POINT:RATE"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(1024),
        c3d(GROUP)[:513],
        c3d(GROUP, processor=7),
        c3d(GROUP, record(b"RATE", RATE, step=3)),
        c3d(GROUP, record(b"RATE", RATE, step=60_000)),
        c3d(GROUP, record(b"RATE", b"\x03" + RATE[1:])),
        c3d(GROUP, record(b"RATE", b"\x04\x02\xff\xff\0")),
        c3d(GROUP, record(b"RATE", b"\x04\x04\xff\xff\xff\0\0")),
        c3d(GROUP, record(b"LABELS", b"\xff\0\0\0")),
        c3d(GROUP, record(b"RATE", RATE[:-1] + b"\x80" + bytes(128))),
        c3d(GROUP).rstrip(b"\0"),
        c3d(*[GROUP] * 60),
    ],
)
def test_row_45_parameters_of_c3d_that_lead_astray_are_refused(content):
    with pytest.raises(ValueError, match="parameter|processor"):
        check_parameters(content)


def sized(processor=84, *, header=(), **parameters):
    """Return the bytes of a file of two frames of one point and two signals."""
    values = {
        "POINT_USED": [1],
        "POINT_FRAMES": [2],
        "POINT_SCALE": [-1.0],
        "POINT_RATE": [50.0],
        "ANALOG_USED": [2],
        "ANALOG_RATE": [200.0],
        "ANALOG_GEN_SCALE": [1.0],
        "ANALOG_SCALE": [1.0, 1.0],
        "ANALOG_OFFSET": [0, 0],
    } | parameters
    groups = [*dict.fromkeys(name.partition("_")[0] for name in values)]
    records = [
        record(name.encode(), b"\0", number=255 - i) for i, name in enumerate(groups)
    ]
    for name, numbers in values.items():
        if numbers is None:
            continue
        group, _, name = name.partition("_")
        array = np.array(numbers, dtype="<f4" if float in map(type, numbers) else "<i2")
        body = array.tobytes()
        if processor == 85 and array.dtype.kind == "f":
            body = (array * 4).view("<u2").reshape(-1, 2)[:, ::-1].tobytes()
        content = bytes([array.itemsize, 1, len(array)]) + body + b"\0"
        records.append(record(name.encode(), content, groups.index(group) + 1))
    words = np.frombuffer(c3d(*records, processor=processor)[:1024], "<u2").copy()
    floats = np.array([-1.0, 50.0], "<f4").view("<u2").reshape(2, 2)
    words[1:12] = [1, 8, 1, 2, 0, *floats[0], 3, 4, *floats[1]]
    for place, word in dict(header).items():
        words[place] = word
    return words.tobytes() + bytes(2 * (16 + 2 * 4 * 4))


@pytest.mark.parametrize("processor", [84, 85])
def test_sizes_of_c3d_that_are_there_are_taken(processor):
    def check(**changes):
        data = sized(processor, **changes)
        check_sizes(data, check_parameters(data))

    check()
    check(POINT_FRAMES=[-1])  # as programs write that do not know
    check(POINT_FRAMES=None, header={3: 1, 4: 2})
    check(POINT_SCALE=[0.5], ANALOG_USED=[0], ANALOG_SCALE=None, ANALOG_OFFSET=None)
    check(ANALOG_RATE=[0.0], ANALOG_SCALE=None)
    check(SHADOW_A=[1], ANALOG_SCALE=None, ANALOG_OFFSET=None)
    check(ANALOG_SCALE=[1.0], ANALOG_SCALE2=[1.0])
    check(ROTATION_USED=[0], ROTATION_DATA_START=[1], ROTATION_RATIO=[1])
    check(ROTATION_USED=[9], ROTATION_DATA_START=[99], ROTATION_RATE=[50.0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"POINT_USED": [0]}, "it has no points"),
        ({"POINT_USED": None}, "it has no points"),
        ({"POINT_USED": [-9]}, "less than no points"),
        ({"POINT_USED": [9999]}, "a frame would be 160016 bytes, and 96 are there"),
        ({"POINT_RATE": []}, "POINT:RATE is no number"),
        ({"POINT_RATE": [float("nan")]}, "POINT:RATE is no number"),
        ({"POINT_SCALE": []}, "POINT:SCALE is no number"),
        ({"ANALOG_USED": []}, "ANALOG:USED is no number"),
        ({"ANALOG_GEN_SCALE": []}, "ANALOG:GEN_SCALE is no number"),
        ({"ANALOG_RATE": [1e30]}, "a frame would be"),
        ({"ANALOG_RATE": [-1e30]}, "less than no points or signals"),
        ({"ANALOG_RATE": [1e9], "ANALOG_USED": [0]}, "20000000 samples of signals"),
        ({"ANALOG_SCALE": [1.0]}, "ANALOG:SCALE has 1 values for 2 signals"),
        ({"ANALOG_OFFSET": None}, "ANALOG:OFFSET has 0 values for 2 signals"),
        ({"header": {8: 0}}, "its frames start at byte -512 of"),
        ({"header": {8: 999}}, "its frames start at byte 510976 of"),
        ({"POINT_FRAMES": [3], "ROTATION_USED": [0]}, "it has 2 of 3 frames"),
        ({"ROTATION_RATIO": [-1]}, "no room for 0 rotations, -1 times"),
        ({"ROTATION_USED": [-1]}, "no room for -1 rotations"),
        ({"ROTATION_RATE": [1e9]}, "no room for 0 rotations, 20000000 times"),
        ({"ROTATION_USED": [99], "ROTATION_RATIO": [1]}, "no room for 99 rotations"),
        ({"ROTATION_DATA_START": [0]}, "no room"),
    ],
)
def test_row_45_sizes_that_a_c3d_file_cannot_have_are_refused(changes, message):
    data = sized(**changes)
    with pytest.raises(ValueError, match=message):
        check_sizes(data, check_parameters(data))


def test_row_45_a_c3d_file_that_claims_too_much_is_refused_by_name(tmp_path):
    pytest.importorskip("ezc3d")
    (tmp_path / "a.c3d").write_bytes(sized(ROTATION_RATIO=[-1]))
    with pytest.raises(
        ValueError, match=r"recording 'a': .*a\.c3d' is no C3D file: it"
    ):
        read_poses(tmp_path)


class Variable:
    """As much of a variable of xarray as is asked for."""

    def __init__(self, dims, values):
        self.dims, self.values = dims, values

    def transpose(self, *dims):
        axes = [self.dims.index(dim) for dim in dims]
        return Variable(dims, self.values.transpose(axes))


class Dataset(dict):
    def __init__(self, position, confidence, coords, attrs):
        self.data_vars = {"position": position, "confidence": confidence}
        self.coords = {
            name: Variable((name,), np.array(v)) for name, v in coords.items()
        }
        self.attrs = attrs
        super().__init__(self.data_vars | self.coords)


def test_datasets_of_movement():
    apart = POINTS.reshape(6, 2, 2, 2)  # time, individuals, keypoints, space
    position = Variable(
        ("time", "space", "keypoints", "individuals"), apart.transpose(0, 3, 2, 1)
    )
    sure = Variable(
        ("time", "keypoints", "individuals"), SURE.reshape(6, 2, 2).transpose(0, 2, 1)
    )
    coords = {"individuals": ["anna", "ben"], "keypoints": ["nose", "tail"]}
    dataset = Dataset(position, sure, coords, {"fps": 30})
    found = read_poses({"cage": dataset})
    assert (found.names, found.fps) == (["cage"], [30])
    assert found.feature_names == NAMES
    assert_allclose(found[0], EXPECTED)
    assert read_poses(dataset).names == ["recording 0"]


@pytest.mark.parametrize(
    ("fps", "notes"),
    [
        (None, ["not resampled: files have 29.97, 100 frames a second"]),
        (50, ["taken as 50 frames a second, though files say 29.97, 100"]),
    ],
)
def test_rates_that_disagree_are_noted(fps, notes):
    position = Variable(("time", "keypoints", "space"), POINTS)
    given = {
        name: Dataset(
            position, Variable(("time", "keypoints"), SURE), {}, {"fps": rate}
        )
        for name, rate in {"a": 100, "b": 29.97, "c": 100}.items()
    }
    found = read_poses(given, fps=fps, min_confidence=0)
    assert found.fps == ([100, 29.97, 100] if fps is None else [50] * 3)
    assert [note for note in found.notes if "missing" not in note] == notes
    given.pop("b")
    agreed = read_poses(given, fps=None if fps is None else 100, min_confidence=0)
    assert [note for note in agreed.notes if "missing" not in note] == []


def test_datasets_of_xarray_itself():
    xarray = pytest.importorskip("xarray")
    dataset = xarray.Dataset(
        {"position": (("time", "space", "keypoint"), POINTS.transpose(0, 2, 1))},
        coords={"keypoint": NAMES},
    )
    found = read_poses(dataset)
    assert found.feature_names == NAMES
    assert_allclose(found[0], POINTS)


def test_arrays_in_files(tmp_path):
    np.save(tmp_path / "a.npy", POINTS)
    np.save(tmp_path / "b.npy", np.dstack([POINTS, 0 * SURE[..., None], SURE]))
    assert_allclose(read_poses(tmp_path / "a.npy")[0], POINTS)
    assert_allclose(read_poses(tmp_path / "b.npy")[0][..., :2], EXPECTED)
    with pytest.raises(ValueError, match="'a' and 'b' differ in their points"):
        read_poses(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "time,x\n0,1\n", "no table of DeepLabCut.*read_sensors"),
        ("a.csv", "bodyparts,n,n\ncoords,x,y\n0,1\n", "line 3 has 2 cells, not 3"),
        ("a.csv", "bodyparts,n\ncoords,x\n\n0,1\n1\n", "line 5 has 1 cells, not 2"),
        ("a.csv", 'bodyparts,n\ncoords,x\n0,1\n1,"2\n2,3\n', r"a\.csv' .*line 4 can"),
        ("a.json", "{", "no JSON"),
        ("a.json", "{}", "no list of frames"),
        ("a.json", "[[], null]", "frames of no landmarks"),
        ("a.xyz", "", "does not say its format"),
    ],
)
def test_row_73_what_is_no_pose_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_poses(tmp_path / name)
    with pytest.raises(TypeError, match="pass them in a list"):
        read_poses([POINTS])


@pytest.mark.parametrize(
    ("inner", "advice"),
    [
        ("features", "pass the folder above it, '.*data'"),
        ("arrays", "move such files into a folder 'features' in '.*arrays'"),
    ],
)
def test_row_73_features_are_no_poses_and_it_is_said_where_they_go(
    tmp_path, inner, advice
):
    folder = tmp_path / "data" / inner
    folder.mkdir(parents=True)
    np.save(folder / "v.npy", np.zeros((9, 5)))
    for source in (folder, folder / "v.npy"):
        with pytest.raises(ValueError, match=r"features, of shape \(9, 5\).*" + advice):
            read_recordings(source)
    with pytest.raises(ValueError, match=r"got shape \(9, 5\)\.$"):
        read_poses(folder)


@pytest.mark.skipif(data_folder() is None, reason="no real data")
def test_files_of_rats(real_data):
    found = read_poses(real_data / "rat_dlc" / "raw_dlc", fps=25)
    assert found[0].shape == (2000, 10, 2)
    with pytest.warns(UserWarning, match="are missing for longer than"):
        features = PoseFeatures(n_bodies=2).fit_transform(found)
    assert all(np.isfinite(video).all() for video in features)
    assert features.names == ["01", "02"]
