"""The doors, and what a user's mistake is answered with: one message, exit code 2, before any data."""

import json
import subprocess
import sys
import unicodedata

import lmdb
import pytest
import torch
from conftest import ROOT
from parity import config_of, filled

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
        save(tmp_path / file, model, model.config, iteration=300)
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
    assert "goes on counting from iteration 300 with a fresh optimizer" in out
    assert "  imgH               48   (base.pth)" in out


def test_fine_tuning_reports_the_transfer(run, weights):
    path = weights(character="abc")
    code, out, _ = run("train", "--saved_model", path, "--FT", "--character", "abcd", *DATA, "--dry_run")
    assert code == 0
    assert "44/44 tensors loaded; head: 4 rows kept, 1 new, 0 dropped" in out
    assert "3 characters become 4: 1 added (d)" in out
    assert "goes on counting" not in out


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
    assert f"python -m dtrb inspect {path}\n  EasyOCR generation-1 network, 512/512 (37 classes)" in err


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
    assert "leave --rgb out" in err


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
    assert "1,008 characters become 1,008: 26 moved (␣!" in err
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
    assert "its base leads back to it" in refused(run, "--config", tmp_path / "p.yaml")


def test_a_missing_file(run, weights):
    path = weights()
    assert "no such file; did you mean base.pth?" in refused(run, "--saved_model", path.with_name("bass.pth"))


def test_problems_of_flags_profiles_and_weights_come_together(run, weights):
    err = refused(run, "--saved_model", weights(), "--imgH", "a", "--hidden_size", "99", "--nonsense")
    assert "3 problems" in err
    assert "--imgH is 'a'" in err
    assert "there is no option --nonsense" in err
    assert "--hidden_size says 99" in err


# --- files that do not say their characters ---------------------------------------------------------


@pytest.fixture
def bare(tmp_path):
    state = {f"module.{key}": tensor for key, tensor in Recognizer(config_of(CRNN)).state_dict().items()}
    torch.save(state, tmp_path / "bare.pth")
    return tmp_path / "bare.pth"


def test_unknown_characters_are_refused_with_what_would_fit(run, bare):
    err = refused(run, "--saved_model", bare)
    assert "nobody says which 36 characters its 37 classes are" in err
    assert "--character 0123456789abcdefghijklmnopqrstuvwxyz (clova's default)" in err


def test_the_user_may_say_the_characters(run, bare):
    words = ["--saved_model", bare, "--character", "0123456789abcdefghijklmnopqrstuvwxyz", "--dry_run"]
    code, out, _ = run("train", *DATA, *words)
    assert code == 0
    assert "are taken from --character, on trust" in out


def test_a_wrong_number_of_characters_is_refused(run, bare):
    assert "nobody says which 36 characters" in refused(
        run, "--saved_model", bare, "--FT", "--character", "abc"
    )


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
    assert "4 characters 가나다␣   (its own record)" in out
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


def test_commands_are_listed_and_unknown_ones_refused(run):
    assert "inspect" in run()[1]
    code, _, err = run("trian")
    assert code == 2
    assert "there is no command trian" in err


@pytest.mark.slow
@pytest.mark.parametrize("door", ["train", "test", "run"])
def test_the_doors_are_real_programs(door, tmp_path):
    """From another folder, as a program, with the exit code of the refusal."""
    done = subprocess.run(
        [sys.executable, str(ROOT / f"{door}.py"), "--nonsense"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert f"{door}.py cannot start" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_is_no_error():
    done = subprocess.run(
        f"{sys.executable} train.py --help | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
