"""The doors, and what a user's mistake is answered with: one message, exit code 2, before any data."""

import json
import os
import subprocess
import sys
import unicodedata

import lmdb
import pytest
import torch
from conftest import ROOT
from parity import config_of, filled

import dtrb
from dtrb.checkpoints.files import save
from dtrb.easyocr_catalog import recogniser
from dtrb.models.recognizer import Recognizer

DATA = ("--train_data", "/nowhere/train", "--valid_data", "/nowhere/valid")  # not looked at
CRNN = "None-VGG-BiLSTM-CTC"
G2 = {"output_channel": 256, "hidden_size": 256, "imgH": 64, "imgW": 600, "PAD": True, "geometry": "easyocr"}


@pytest.fixture
def weights(tmp_path):
    """Write a described file of weights and give its path."""

    def weights(name=CRNN, file="base.pth", **config):
        model = filled(Recognizer(config_of(name, **config)))
        save(tmp_path / file, model, iteration=300)
        return tmp_path / file

    return weights


def test_new_weights_need_no_file(run):
    code, out, _ = run("train", "--config", "configs/korean_g2.yaml", *DATA, "--dry_run")
    assert code == 0
    assert "network: None-VGG-BiLSTM-CTC, 1,009 classes, 4,015,729 parameters" in out
    assert "weights: new" in out
    assert "(configs/korean_g2.yaml:15)" in out


def test_the_loop_is_not_there_yet_and_says_so(run):
    code, _, err = run("train", "--config", "configs/korean_g2.yaml", *DATA)
    assert code == 1
    assert "the training loop is not in this version" in err


def test_the_file_alone_says_the_architecture(run, weights):
    path = weights("TPS-ResNet-BiLSTM-Attn", imgH=48, imgW=96, character="가나다 ")
    code, out, err = run("train", "--saved_model", path, *DATA, "--dry_run")
    assert (code, err) == (0, "")
    assert "network: TPS-ResNet-BiLSTM-Attn, 6 classes" in out
    assert (
        "start: iteration 300, with a fresh optimizer; --resume goes on exactly where its run stopped" in out
    )
    assert "  imgH               48   (base.pth, its own record)" in out


def test_fine_tuning_reports_the_transfer(run, weights):
    path = weights(character="abc")
    code, out, _ = run("train", "--saved_model", path, "--FT", "--character", "abcd", *DATA, "--dry_run")
    assert code == 0
    assert "44/44 tensors loaded; head: 4 rows kept, 1 new, 0 dropped" in out
    assert "3 characters become 4: 1 added (d)" in out
    assert "start: iteration" not in out


def lmdb_of(folder, **entries):
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 20) as env, env.begin(write=True) as txn:
        for key, value in entries.items():
            txn.put(key.replace("_", "-").encode(), value)


def test_characters_of_the_data_are_added(run, weights, tmp_path):
    labels = {
        "label_000000001": "했다".encode(),
        "label_000000002": unicodedata.normalize("NFD", "갔cab").encode(),
    }
    lmdb_of(tmp_path / "data" / "books", num_samples=b"2", **labels)
    path = weights(character="abc")
    code, out, _ = run(
        "train", "--saved_model", path, "--FT", "--character", "checkpoint+data",
        "--train_data", tmp_path / "data", "--valid_data", "x", "--dry_run",
    )  # fmt: skip
    assert code == 0
    assert "6 characters abc갔다했   (--character)" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--train_data", "/nowhere"], "/nowhere: there is no such folder"),
        (["--train_data", str(ROOT / "configs")], "holds no LMDB"),
    ],
)
def test_data_that_is_not_there_is_named_when_its_characters_are_asked_for(run, weights, words, message):
    words = ["--FT", "--character", "checkpoint+data", "--valid_data", "x", *words]
    code, _, err = run("train", "--saved_model", weights(), *words)
    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"label_000000001": b"a"}, "has no num-samples"),
        ({"num_samples": b"x"}, "has no num-samples"),
        ({"num_samples": b"2", "label_000000001": b"a"}, "has no label-000000002, though num-samples is 2"),
        ({"num_samples": b"1", "label_000000001": "가".encode("cp949")}, "label-000000001 is not UTF-8"),
    ],
)
def test_data_whose_characters_cannot_be_read_is_named(run, weights, tmp_path, entries, message):
    lmdb_of(tmp_path / "data", **entries)
    words = ["--FT", "--character", "checkpoint+data", "--train_data", tmp_path / "data", "--valid_data", "x"]
    code, _, err = run("train", "--saved_model", weights(), *words)
    assert code == 2
    assert message in err


def test_a_truncated_data_set_is_named_and_kills_nobody(run, weights, tmp_path):
    labels = {f"label_{index:09d}": b"abc" * 300 for index in range(1, 400)}
    lmdb_of(tmp_path / "data", num_samples=b"399", **labels)
    file = tmp_path / "data" / "data.mdb"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    words = ["--FT", "--character", "checkpoint+data", "--train_data", tmp_path / "data", "--valid_data", "x"]
    code, _, err = run("train", "--saved_model", weights(), *words)
    assert code == 2
    assert "is truncated: the end of data.mdb is missing" in err


def test_data_sets_are_selected_by_whole_folder_names(run, weights, tmp_path):
    for name, label in (("ST", "x"), ("TEST", "y"), ("deep/MJ", "z")):
        lmdb_of(tmp_path / "data" / name, num_samples=b"1", label_000000001=label.encode())
    words = ["--saved_model", weights(character="ab"), "--FT", "--character", "checkpoint+data", "--dry_run"]
    words += ["--train_data", tmp_path / "data", "--valid_data", "v"]
    for select, characters in (
        ("/", "abxyz"),
        ("ST", "abx"),
        ("ST-MJ", "abxz"),
        ("deep/MJ", "abz"),
        ("data", "abxyz"),
    ):
        assert f" characters {characters}   (" in run("train", *words, "--select_data", select)[1]
    code, _, err = run("train", *words, "--select_data", "S")
    assert code == 2
    assert "--select_data S: matches no folder; below" in err
    assert "TEST" in err


def test_the_folder_is_asked_for_not_the_file_in_it(run, weights, tmp_path):
    lmdb_of(tmp_path / "data", num_samples=b"0")
    words = [
        "--FT",
        "--character",
        "data",
        "--train_data",
        tmp_path / "data" / "data.mdb",
        "--valid_data",
        "x",
    ]
    assert (
        f"a data set is a folder; pass {tmp_path / 'data'}"
        in run("train", "--saved_model", weights(), *words)[2]
    )


@pytest.mark.parametrize("door", ["test", "run"])
def test_only_training_has_training_data(run, weights, door):
    words = [
        "--saved_model",
        weights(),
        "--character",
        "data",
        "--eval_data" if door == "test" else "--image_folder",
        "x",
    ]
    code, _, err = run(door, *words)
    assert code == 2
    assert "only train.py has training data" in err


def test_a_network_of_several_data_sets_serves_everywhere(run, weights):
    """Its limits belonged to the data sets it was trained on."""
    path = weights("None-VGG-None-Attn", batch_max_length=(100, 50, 1100))
    assert run("test", "--saved_model", path, "--eval_data", "x")[0] == 1
    assert run("run", "--saved_model", path, "--image_folder", "x")[0] == 1
    code, out, _ = run("train", "--saved_model", path, "--FT", *DATA, "--dry_run")
    assert code == 0
    assert "batch_max_length   1100   (base.pth, its own record)" in out
    words = [
        "--config",
        "configs/datasets/all.yaml",
        "--saved_model",
        weights(**G2, character=recogniser("korean_g2").characters),
    ]
    assert run("test", *words, "--eval_data", "x")[0] == 1


def test_an_empty_name_is_no_name(run):
    code, _, err = run("test", "--saved_model", "", "--eval_data", "x")
    assert code == 2
    assert "--saved_model is required" in err


# --- bad input --------------------------------------------------------------------------------------


def refused(run, *words):
    code, out, err = run("train", *DATA, *words)
    assert code == 2
    assert out == ""
    assert err.startswith("train.py cannot start: ")
    return err


def test_the_detector_of_the_seed_project_is_refused(run, tmp_path):
    """The recorded command; the original loaded nothing of that file, and trained from noise."""
    detector = tmp_path / "craft_mlt_25k.pth"
    torch.save({"module.conv_cls.8.weight": torch.zeros(2, 16, 1, 1)}, detector)
    err = refused(
        run, "--select_data", "/", "--batch_ratio", "1", "--Transformation", "None", "--FeatureExtraction", "VGG",
        "--SequenceModeling", "BiLSTM", "--Prediction", "CTC", "--saved_model", detector, "--FT",
        "--batch_max_length", "200", "--valInterval", "2000",
    )  # fmt: skip
    assert "CRAFT text detector: it finds where text is and cannot read it. A recogniser is needed" in err


def test_a_generation_1_network_for_a_generation_2_profile(run, weights):
    path = weights("None-ResNet-BiLSTM-CTC", output_channel=512, hidden_size=512)
    err = refused(run, "--config", "configs/korean_g2.yaml", "--saved_model", path, "--FT")
    assert f"FeatureExtraction: configs/korean_g2.yaml:11 says VGG, {path} has ResNet" in err
    assert f"output_channel: configs/korean_g2.yaml:15 says 256, {path} has 512" in err
    assert f"hidden_size: configs/korean_g2.yaml:16 says 256, {path} has 512" in err
    assert f"{path} is: None-ResNet-BiLSTM-CTC recogniser (37 classes), made by dtrb" in err


def test_output_channel_and_hidden_size_show_both_numbers_the_tensor_and_the_flag(run, weights):
    path = weights(**G2)
    err = refused(run, "--saved_model", path, "--output_channel", "512", "--hidden_size", "128")
    assert (
        f"output_channel: --output_channel says 512, {path} has 256 "
        "(FeatureExtraction.ConvNet.18.weight is 256×256×2×2); pass --output_channel 256, or leave it out"
    ) in err
    assert (
        f"hidden_size: --hidden_size says 128, {path} has 256 "
        "(SequenceModeling.0.rnn.weight_hh_l0 is 1024×256); pass --hidden_size 256, or leave it out"
    ) in err


def test_fine_tuning_does_not_excuse_another_architecture(run, weights):
    err = refused(run, "--saved_model", weights(**G2), "--FT", "--output_channel", "512")
    assert "--output_channel says 512" in err


def test_colour_for_a_grey_network(run, weights):
    err = refused(run, "--saved_model", weights(), "--rgb", "--FT")
    assert "input_channel: --rgb says 3" in err
    assert "leave rgb out" in err


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["--Prediction", "Attn"], "Prediction"),
        (["--geometry", "clova"], "geometry"),
        (["--imgH", "32"], "imgH"),
    ],
)
def test_head_and_geometry_change_only_by_fine_tuning(run, weights, words, option):
    path = weights(**G2)
    assert f"{option}: --{option} says" in refused(run, "--saved_model", path, *words)
    code, out, _ = run("train", *DATA, "--saved_model", path, "--FT", *words, "--dry_run")
    assert code == 0
    assert "tensors loaded" in out


def test_another_order_of_the_characters(run, weights):
    """Confident nonsense in other tools."""
    g2 = recogniser("korean_g2").characters
    path = weights(character=g2)
    other = "".join(sorted(g2, key=lambda c: (not c.isdigit(), c)))  # digits first, as many lists have it
    err = refused(run, "--saved_model", path, f"--character={other}")
    assert "the same 1,008 characters in another order (26 moved)" in err
    assert "--FT" in err
    code, out, _ = run("train", *DATA, "--saved_model", path, f"--character={other}", "--FT", "--dry_run")
    assert code == 0
    assert "1,009 rows kept, 0 new, 0 dropped" in out
    assert "26 rows moved to another class, by character" in out


@pytest.mark.parametrize(
    ("policy", "character", "message"),
    [
        (None, "abcd", None),
        (None, "abd", "1 lost (c); to keep them all pass --character"),
        (None, "bd", "to lose ac pass --charset_change replace"),
        ("replace", "abd", None),
        ("fail", "abcd", "--charset_change fail allows no new characters"),
        ("fail", "cba", None),
    ],
)
def test_the_charset_changes_as_was_chosen(run, weights, policy, character, message):
    words = ["--saved_model", weights(character="abc"), "--FT", "--character", character]
    words += ["--charset_change", policy] if policy else []
    if message:
        assert message in refused(run, *words)
    else:
        assert run("train", *DATA, *words, "--dry_run")[0] == 0


def test_repeated_characters(run):
    words = ["--config", "configs/korean_g2.yaml", "--character", "abca"]
    assert "repeated characters: 1 (a)" in refused(run, *words)


def test_characters_that_begin_with_a_dash(run):
    err = refused(run, "--config", "configs/korean_g2.yaml", "--character", "-abc")
    assert "--character: '-abc' looks like a flag; write --character=-abc" in err


def test_an_unknown_key_in_a_profile(run, tmp_path):
    (tmp_path / "p.yaml").write_text("outptu_channel: 512\n")
    err = refused(run, "--config", "configs/korean_g2.yaml", tmp_path / "p.yaml")
    assert "p.yaml:1: there is no option outptu_channel; did you mean output_channel?" in err


def test_a_profile_that_includes_itself(run, tmp_path):
    (tmp_path / "p.yaml").write_text("base: p.yaml\n")
    assert "base leads back to itself" in refused(run, "--config", tmp_path / "p.yaml")


def test_a_missing_file(run, weights):
    path = weights()
    assert "no such file; did you mean base.pth?" in refused(run, "--saved_model", path.with_name("bass.pth"))


def test_problems_of_flags_profiles_and_weights_come_together(run, weights):
    err = refused(run, "--saved_model", weights(), "--imgH", "a", "--hidden_size", "99", "--nonsense")
    assert "3 problems" in err
    assert "--imgH is 'a'" in err
    assert "there is no option --nonsense" in err
    assert "--hidden_size says 99" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file (0 bytes)"),
        (b"PK\x03\x04 and the rest is missing", "a truncated archive"),
        (b"<!DOCTYPE html>", "not a PyTorch checkpoint: an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\x80\x02cposix\nmkdir\n(X\x02\x00\x00\x00/xtR.", "refused: loading it would call posix.mkdir"),
    ],
)
def test_a_file_that_is_no_checkpoint(run, tmp_path, content, message):
    (tmp_path / "x.pth").write_bytes(content)
    assert message in refused(run, "--saved_model", tmp_path / "x.pth", "--FT")


@pytest.mark.parametrize(
    ("name", "words", "option"),
    [
        ("TPS-VGG-BiLSTM-CTC", ["--Transformation", "None"], "Transformation"),
        ("TPS-VGG-BiLSTM-CTC", ["--num_fiducial", "10"], "num_fiducial"),
        ("None-VGG-BiLSTM-CTC", ["--SequenceModeling", "None"], "SequenceModeling"),
        ("None-VGG-BiLSTM-CTC", ["--FeatureExtraction", "RCNN"], "FeatureExtraction"),
        ("None-VGG-BiLSTM-CTC", ["--input_channel", "3"], "input_channel"),
    ],
)
def test_another_architecture_is_never_right(run, weights, name, words, option):
    for more in ([], ["--FT"]):
        assert f"{option}: --{option} says" in refused(run, "--saved_model", weights(name), *words, *more)


def test_grey_for_a_colour_network(run, weights, tmp_path):
    assert "input_channel: --rgb says 1" in refused(run, "--saved_model", weights(rgb=True), "--rgb", "false")
    (tmp_path / "p.yaml").write_text("rgb: off\n")
    assert "p.yaml:1 says 1" in refused(
        run, "--saved_model", weights(rgb=True), "--config", tmp_path / "p.yaml"
    )


def test_the_padding_changes_only_by_fine_tuning(run, weights):
    assert "PAD: --PAD says True" in refused(run, "--saved_model", weights(), "--PAD")
    code, out, _ = run("train", *DATA, "--saved_model", weights(), "--PAD", "--FT", "--dry_run")
    assert code == 0
    assert "note: PAD changes from False to True (--PAD)" in out


def test_a_tps_of_another_size_is_rebuilt_by_fine_tuning_only(run, tmp_path):
    model = filled(Recognizer(config_of("TPS-VGG-None-CTC")))
    torch.save(model.state_dict(), tmp_path / "tps.pth")  # bare: 3,200 points, and nobody says of what size
    words = [
        "--saved_model",
        tmp_path / "tps.pth",
        "--character",
        model.config.character,
        "--imgH",
        "64",
        "--imgW",
        "200",
    ]
    err = refused(run, *words)
    assert "imgH × imgW: 64×200 is 12,800 points, the TPS of" in err
    assert "or --FT to rebuild its tables" in err
    code, out, _ = run("train", *DATA, *words, "--FT", "--dry_run")
    assert code == 0
    assert "rebuilt for the image size: Transformation.GridGenerator.P_hat" in out
    code, _, err = run("test", *words, "--eval_data", "x")
    assert code == 2
    assert "--FT" not in err


def test_sensitive_asks_for_upper_case(run, weights):
    lower = weights()
    assert "58 added" in refused(run, "--saved_model", lower, "--sensitive")
    code, out, _ = run("train", *DATA, "--saved_model", lower, "--sensitive", "--FT", "--dry_run")
    assert code == 0
    assert "37 rows kept, 58 new, 0 dropped" in out
    korean = weights(character="가나abcABC")
    code, out, _ = run("train", *DATA, "--saved_model", korean, "--sensitive", "--dry_run")
    assert code == 0
    assert "8 characters 가나abcABC   (base.pth" in out


def test_the_suggested_way_to_keep_characters_is_right(run, weights, tmp_path):
    (tmp_path / "new.txt").write_text("abd\n")
    words = ["--saved_model", weights(character="abc"), "--FT"]
    err = refused(run, *words, "--character", tmp_path / "new.txt")
    suggested = err.split("to keep them all pass --character ")[1].split(";")[0]
    code, out, _ = run("train", *DATA, *words, "--character", suggested, "--dry_run")
    assert code == 0
    assert "4 rows kept, 1 new, 0 dropped" in out
    assert "pass --character checkpoint+MORE.txt, with the new characters in that file" in refused(
        run, *words, "--character", "abd"
    )


def test_what_may_surprise_is_said(run, weights):
    _, out, _ = run("train", *DATA, "--saved_model", weights(), "--baiduCTC", "--dry_run")
    assert "note: --baiduCTC is accepted for old command lines; torch's CTC is used" in out
    assert "note: labels will be lower-cased" in out
    assert "note: labels" not in run("run", "--saved_model", weights(), "--image_folder", "x")[1]
    assert "dry run: network and weights are in order; the data sets were not looked at" in out


def test_a_missing_file_hides_no_other_problem(run):
    err = refused(run, "--saved_model", "/nowhere/x.pth", "--character", "aa", "--FT")
    assert "no such file" in err
    assert "repeated characters: 1 (a)" in err
    assert "is not described" not in err, "the file would have described it"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--", "--imgH", "32"], "-- ends the options; leave it out"),
        (["-PAD"], "there is no option -PAD; did you mean --PAD?"),
        (["--dry_run", "-PAD"], "there is no option -PAD; did you mean --PAD?"),
        (["--character", "-h"], "--character: '-h' looks like a flag; write --character=-h"),
        (["--gpu", "0"], "there is no option --gpu"),
    ],
)
def test_slips_of_the_pen(run, words, message):
    err = refused(run, "--config", "configs/korean_g2.yaml", *words)
    assert message in err
    assert "problems" not in err, "one slip, one problem"


def test_a_wrong_value_is_one_problem(run):
    assert "problems" not in refused(run, "--config", "configs/korean_g2.yaml", "--Transformation", "tps")
    assert "did you mean TPS?" in refused(
        run, "--config", "configs/korean_g2.yaml", "--Transformation", "tps"
    )
    assert "problems" not in refused(run, "--config", "configs/korean_g3.yaml")


# --- files that do not say their characters ---------------------------------------------------------


@pytest.fixture
def bare(tmp_path):
    state = {f"module.{key}": tensor for key, tensor in Recognizer(config_of(CRNN)).state_dict().items()}
    torch.save(state, tmp_path / "bare.pth")
    return tmp_path / "bare.pth"


def test_unknown_characters_are_refused_with_what_would_fit(run, bare):
    err = refused(run, "--saved_model", bare)
    assert "does not record which 36 characters its 37 classes stand for" in err
    assert "--character 0123456789abcdefghijklmnopqrstuvwxyz if it was trained with clova's default" in err


def test_the_user_may_say_the_characters(run, bare):
    words = ["--saved_model", bare, "--character", "0123456789abcdefghijklmnopqrstuvwxyz", "--dry_run"]
    code, out, _ = run("train", *DATA, *words)
    assert code == 0
    assert "are taken from --character, on trust" in out


def test_a_wrong_number_of_characters_is_refused(run, bare):
    assert "does not record which 36 characters" in refused(
        run, "--saved_model", bare, "--FT", "--character", "abc"
    )


def test_a_new_head_is_new_even_when_the_number_is_the_same(run, bare):
    character = "zyxwvutsrqponmlkjihgfedcba9876543210"
    words = [
        "--saved_model",
        bare,
        "--FT",
        "--character",
        character,
        "--charset_change",
        "replace",
        "--dry_run",
    ]
    assert "head: new" in run("train", *DATA, *words)[1]


def test_sensitive_says_the_94_characters(run, tmp_path):
    model = Recognizer(config_of(CRNN, sensitive=True))
    torch.save(model.state_dict(), tmp_path / "x.pth")
    assert "--sensitive if it was trained with clova's 94" in refused(
        run, "--saved_model", tmp_path / "x.pth"
    )
    code, out, _ = run("train", *DATA, "--saved_model", tmp_path / "x.pth", "--sensitive", "--dry_run")
    assert code == 0
    assert "start: iteration 0, with a fresh optimizer\n" in out


def test_a_fine_tuned_network_of_easyocr_is_told_how_to_say_it(run, tmp_path):
    g2 = recogniser("korean_g2").characters
    model = Recognizer(config_of(CRNN, **{**G2, "character": g2}))
    torch.save(model.state_dict(), tmp_path / "mine.pth")
    err = refused(run, "--saved_model", tmp_path / "mine.pth", "--FT")
    assert "pass --config configs/korean_g2.yaml if it was fine-tuned from korean_g2" in err
    assert "EasyOCR generation-2 network, 256/256 (korean_g2-shaped, 1,009 classes)" in err
    words = ["--saved_model", tmp_path / "mine.pth", "--FT", "--dry_run"]
    code, out, _ = run("train", *DATA, *words, "--config", "configs/korean_g2.yaml")
    assert code == 0
    assert "imgW               600" in out
    code, out, _ = run("train", *DATA, *words, "--character", "easyocr:korean_g2")
    assert code == 0
    assert "note: the file does not record how its images were prepared, and nobody said it: 32×100" in out


def test_a_rejected_file_beside_it_is_in_the_refusal(run, bare):
    bare.with_name("opt.txt").write_text("output_channel: 512\ncharacter: abc\n")
    assert "opt.txt is not used: it describes another network" in refused(run, "--saved_model", bare)


@pytest.mark.parametrize("door", ["test", "run"])
def test_the_other_doors_suggest_no_fine_tuning(run, bare, door):
    words = ["--saved_model", bare, "--eval_data" if door == "test" else "--image_folder", "x"]
    code, _, err = run(door, *words)
    assert code == 2
    assert "does not record which 36 characters" in err
    assert "--FT" not in err


def test_a_new_head_needs_no_old_characters(run, bare):
    words = ["--saved_model", bare, "--FT", "--character", "가나", "--charset_change", "replace", "--dry_run"]
    code, out, _ = run("train", *DATA, *words)
    assert code == 0
    assert "head: new" in out
    code, out, _ = run("train", *DATA, "--saved_model", bare, "--FT", "--Prediction", "Attn", "--dry_run")
    assert code == 0
    assert "head: new" in out


# --- test.py, run.py, inspect -----------------------------------------------------------------------


@pytest.mark.parametrize(("door", "data"), [("test", "--eval_data"), ("run", "--image_folder")])
def test_the_other_doors_load_the_weights(run, weights, door, data):
    path = weights(character="가나다")
    code, out, err = run(door, "--saved_model", path, data, "x")
    assert code == 1
    assert "44/44 tensors loaded" in out
    assert "is not in this version" in err
    code, _, err = run(door, "--saved_model", path, data, "x", "--character", "나가다")
    assert code == 2
    assert "leave --character out, the checkpoint knows its own" in err
    code, _, err = run(door)
    assert code == 2
    assert "--saved_model is required" in err
    assert f"{data} is required" in err


def test_a_profile_for_training_serves_evaluation(run, weights, tmp_path):
    """What only training knows is left out: nothing is fine-tuned, so nothing may differ."""
    (tmp_path / "opt.yaml").write_text("FT: true\ntrain_data: a\nnum_iter: 5\nimgH: 64\n")
    words = ["--config", tmp_path / "opt.yaml", "--eval_data", "x"]
    code, _, err = run("test", "--saved_model", weights(imgH=32), *words)
    assert code == 2
    assert "imgH: " in err
    assert "--FT" not in err
    assert run("test", "--saved_model", weights(imgH=64), *words)[0] == 1


def test_inspect_prints_what_it_knows(run, weights):
    path = weights(character="가나다 ", rgb=True)
    code, out, _ = run("inspect", path)
    assert code == 0
    assert "44 tensors" in out
    assert "4 characters 가나다␣   (base.pth, its own record)" in out
    facts = json.loads(run("inspect", path, "--json")[1])
    assert facts["character"] == "가나다 "
    assert (facts["num_class"], facts["output_channel"], facts["input_channel"]) == (5, 32, 3)
    assert facts["metadata"]["iteration"] == 300
    assert facts["key_prefix"] == "module."


def test_inspect_tells_a_bare_file_and_a_detector(run, bare, tmp_path):
    assert "not known: 36 of them, and no record of which" in run("inspect", bare)[1]
    torch.save({"conv_cls.8.weight": torch.zeros(2)}, tmp_path / "craft.pth")
    code, out, _ = run("inspect", tmp_path / "craft.pth")
    assert code == 0
    assert "CRAFT text detector" in out


def test_inspect_refuses_what_is_no_checkpoint(run, tmp_path):
    (tmp_path / "page.pth").write_text("<!DOCTYPE html>")
    code, out, err = run("inspect", tmp_path / "page.pth")
    assert (code, out) == (2, "")
    assert "not a PyTorch checkpoint: an HTML page" in err


def test_inspect_shows_nests_notes_and_metrics(run, tmp_path):
    model = filled(Recognizer(config_of(CRNN)))
    save(tmp_path / "a.pth", model, iteration=12, metrics={"accuracy": 91.5})
    out = run("inspect", tmp_path / "a.pth")[1]
    assert "iteration          12" in out
    assert 'metrics            {"accuracy": 91.5}' in out
    torch.save({"state_dict": model.state_dict()}, tmp_path / "b.pth")
    (tmp_path / "b.yaml").write_text("character: abc\n")
    out = run("inspect", tmp_path / "b.pth")[1]
    assert "keys without prefix, in the entry 'state_dict'" in out
    assert "note: " in out


def test_inspect_as_json_is_nothing_but_json(run, tmp_path, monkeypatch):
    """Not even while a file is downloaded."""
    monkeypatch.setenv("EASYOCR_MODULE_PATH", str(tmp_path))

    def offline(url, timeout):
        raise OSError("offline")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    code, out, err = run("inspect", "easyocr:korean_g2", "--json")
    assert (code, out) == (2, "")
    assert "downloading" in err


def test_what_stands_in_a_file_does_not_reach_the_terminal_raw(run, tmp_path):
    torch.save({"\x1b[2J\nfoo": torch.zeros(2)}, tmp_path / "x.pth")
    _, out, err = run("inspect", tmp_path / "x.pth")
    assert "\x1b" not in out + err
    assert "\\x1b[2J\\nfoo" in out


def test_commands_are_listed_and_unknown_ones_refused(run):
    assert "inspect" in run()[1]
    assert run("--version")[1] == f"dtrb {dtrb.__version__}\n"
    assert (
        "--FeatureExtraction"
        in subprocess.run(
            [sys.executable, "train.py", "-h"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    )
    code, _, err = run("trian")
    assert code == 2
    assert "there is no command trian; did you mean train?" in err


def program(command, **environment):
    return subprocess.run(
        command, shell=True, executable="/bin/bash", cwd=ROOT, capture_output=True, check=False,
        env={**os.environ, "PY": sys.executable, **environment},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("door", ["train", "test", "run"])
def test_the_doors_are_real_programs(door, tmp_path):
    """From another folder, as a program, with the exit code of the refusal."""
    done = program(f"cd {tmp_path} && $PY {ROOT}/{door}.py --nonsense")
    assert done.returncode == 2
    assert f"{door}.py cannot start" in done.stderr.decode()
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_reader_that_has_seen_enough_is_no_error(buffered):
    done = program("$PY train.py --help | true; exit ${PIPESTATUS[0]}", PYTHONUNBUFFERED=buffered)
    assert done.stderr == b""


@pytest.mark.slow
def test_a_full_disk_behind_the_output_is_said():
    done = program("$PY -m dtrb > /dev/full")
    assert done.returncode == 1
    assert done.stderr == b"the output could not be written: no space left\n"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp949", "ascii", "utf-8"])
def test_a_console_that_lacks_characters_shows_their_codes(encoding):
    command = "$PY train.py --config configs/korean_g2.yaml --train_data x --valid_data y --dry_run"
    done = program(command, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode(encoding)
    assert ("␣" if encoding == "utf-8" else "\\u2423") + "!" in shown


@pytest.mark.slow
def test_without_torch_it_says_how_to_get_it(tmp_path):
    (tmp_path / "torch.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    )
    done = program(f"$PY train.py {' '.join(DATA)} --config configs/korean_g2.yaml", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "torch is not installed for" in done.stderr.decode()
    assert "source .venv/bin/activate" in done.stderr.decode()


@pytest.mark.slow
def test_an_interruption_is_no_traceback():
    """Ctrl-C while it waits for a profile."""
    started = "from dtrb.cli import main; import os, signal, sys; "
    started += (
        "import dtrb.settings as s; s.read_command_line = lambda *a: os.kill(os.getpid(), signal.SIGINT); "
    )
    started += "sys.exit(main(['train']))"
    done = subprocess.run(
        [sys.executable, "-c", started], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
