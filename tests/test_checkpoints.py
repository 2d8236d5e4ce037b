"""Files of weights: ours describe themselves, other people's are recognised, damaged ones are refused."""

import os
import pickle
import shutil
import zipfile
from collections import OrderedDict
from random import Random

import pytest
import torch
from parity import NAMES, config_of, filled

from dtrb import easyocr_catalog
from dtrb.checkpoints import easyocr_weights, files
from dtrb.checkpoints.files import read, read_recogniser, save
from dtrb.checkpoints.transfer import load_strictly
from dtrb.config import ModelConfig
from dtrb.errors import CheckpointError
from dtrb.models.recognizer import Recognizer
from dtrb.settings import write_opt_txt

CRNN = "None-VGG-BiLSTM-CTC"


@pytest.fixture
def saved(tmp_path):
    """Save a small network and give its file."""
    model = filled(Recognizer(config_of(CRNN)))
    path = tmp_path / "best_accuracy.pth"
    save(path, model, model.config, iteration=7, metrics={"accuracy": 91.5}, data={"train": "abc"})
    return path


def refusal(path):
    with pytest.raises(CheckpointError) as caught:
        read_recogniser(str(path))
    return str(caught.value)


# --- ours -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_save_inspect_rebuild_gives_equal_logits(name, tmp_path):
    """A second salt and size: nothing here leans on the recorded numbers."""
    config = config_of(
        name, output_channel=48, hidden_size=24, imgH=48, imgW=128, num_fiducial=8, character="가나다 abc"
    )
    model = filled(Recognizer(config), salt=1).eval()
    path = tmp_path / "net.pth"
    save(path, model, config)

    checkpoint = read_recogniser(str(path))
    rebuilt = ModelConfig(**{option: setting.value for option, setting in checkpoint.known.items()})
    assert rebuilt == config
    again = Recognizer(rebuilt).eval()
    report = load_strictly(again, checkpoint)
    assert report.loaded == report.total == len(model.state_dict())
    images = torch.randn(2, 1, 48, 128)
    with torch.no_grad():
        assert torch.equal(model(images), again(images))


def test_a_file_says_what_it_is(saved):
    checkpoint = read(str(saved))
    assert checkpoint.prefix == "module."
    assert checkpoint.iteration == 7
    assert checkpoint.metadata["metrics"] == {"accuracy": 91.5}
    assert checkpoint.metadata["data"] == {"train": "abc"}
    assert checkpoint.metadata["versions"]["torch"] == torch.__version__
    assert checkpoint.charset.characters == "0123456789abcdefghijklmnopqrstuvwxyz"
    assert "made by dtrb" in checkpoint.description


def test_data_parallel_loads_it_strictly(saved):
    """As clova's train.py and test.py do."""
    wrapped = torch.nn.DataParallel(Recognizer(config_of(CRNN)))
    wrapped.load_state_dict(torch.load(saved, map_location="cpu", weights_only=True), strict=True)
    expected = filled(Recognizer(config_of(CRNN))).state_dict()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in wrapped.module.state_dict().items())


@pytest.mark.parametrize("quantize", [False, True])
def test_easyocrs_own_loader_takes_it(tmp_path, quantize):
    """The built-in generation-2 network of the real easyocr, which cuts seven characters from each key."""
    from easyocr.recognition import get_recognizer

    config = ModelConfig(
        Transformation="None", FeatureExtraction="VGG", SequenceModeling="BiLSTM", Prediction="CTC",
        output_channel=32, hidden_size=16, character="가나다라", geometry="easyocr", imgH=64, imgW=600,
    )  # fmt: skip
    model = filled(Recognizer(config)).eval()
    path = tmp_path / "net.pth"
    save(path, model, config)
    sizes = {"input_channel": 1, "output_channel": 32, "hidden_size": 16}
    network, converter = get_recognizer(
        "generation2", sizes, config.character, {}, {}, str(path), device="cpu", quantize=quantize
    )
    assert len(converter.character) == config.num_class
    images = torch.randn(1, 1, 64, 256)
    with torch.no_grad():
        theirs, ours = network.eval()(images, None), model(images)
    if quantize:  # eight bits: alike, not equal
        assert (theirs - ours).abs().mean() < 0.05 * ours.std()
    else:
        torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4)


def test_only_plain_values_ride_along(saved):
    state = torch.load(saved, weights_only=True)
    assert all(key.startswith("module.") for key in state)
    assert all(isinstance(value, torch.Tensor) for value in state.values())

    def plain(value):
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(inner) for key, inner in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return value is None or type(value) in (str, int, float, bool)

    assert plain(state._metadata["dtrb"])


def test_the_same_network_gives_the_same_bytes(saved, tmp_path):
    model = filled(Recognizer(config_of(CRNN)))
    again = tmp_path / "another_name.pth"
    save(again, model, model.config, iteration=7, metrics={"accuracy": 91.5}, data={"train": "abc"})
    assert again.read_bytes() == saved.read_bytes()


def test_a_flipped_bit_in_a_weight_is_found(saved):
    """torch itself loads such a file without a word."""
    content = bytearray(saved.read_bytes())
    weights = torch.load(saved, weights_only=True)["module.FeatureExtraction.ConvNet.3.weight"]
    content[content.index(weights.numpy().tobytes()) + 40] ^= 0x10
    saved.write_bytes(content)
    torch.load(saved, weights_only=True)
    assert "a damaged archive (Bad CRC-32 for file" in refusal(saved)


def test_a_changed_weight_is_found(saved):
    """Written again by something that keeps our description, with checksums of its own."""
    state = torch.load(saved, weights_only=True)
    state["module.FeatureExtraction.ConvNet.3.weight"][0, 0, 0, 0] += 1e-6
    torch.save(state, saved)
    assert "do not match their checksums: 1 (FeatureExtraction.ConvNet.3.weight)" in refusal(saved)


def test_no_flipped_bit_changes_what_is_loaded(tmp_path):
    """Anywhere in the file: refused with a message, or (between the records) without any effect."""
    model = filled(Recognizer(config_of("None-VGG-None-CTC", output_channel=16, hidden_size=8)))
    path = tmp_path / "x.pth"
    save(path, model, model.config)
    content, whole = path.read_bytes(), read(str(path))
    random = Random(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(content)
        damaged[random.randrange(len(content))] ^= 1 << random.randrange(8)
        path.write_bytes(damaged)
        try:
            found = read(str(path))
        except CheckpointError:
            refused += 1
        else:
            assert (found.metadata, found.known) == (whole.metadata, whole.known)
            assert all(torch.equal(found.tensors[key], tensor) for key, tensor in whole.tensors.items())
    assert refused > 200


def test_a_changed_description_is_found(saved):
    state = torch.load(saved, weights_only=True)
    state._metadata["dtrb"]["config"]["character"] = "9876543210abcdefghijklmnopqrstuvwxyz"
    torch.save(state, saved)
    assert "its description does not match its checksum" in refusal(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["config"].update(character="abc"), "its record has 3 characters, its head 36"),
        (lambda m: m["config"].update(new_option=1), "not understood"),
        (lambda m: m["config"].update(imgH="high"), "not understood"),
        (lambda m: m.pop("config"), "not understood"),
        (lambda m: m.pop("tensors"), "not one that dtrb writes"),
        (lambda m: m.update(format="new"), "not one that dtrb writes"),
    ],
)
def test_a_made_up_description_is_refused(saved, change, message):
    """With a checksum that fits: anybody can compute one."""
    state = torch.load(saved, weights_only=True)
    metadata = state._metadata["dtrb"]
    change(metadata)
    metadata["checksum"] = files._text_checksum(metadata)
    torch.save(state, saved)
    assert message in refusal(saved)


def test_a_file_of_a_newer_format_asks_for_an_update(saved):
    state = torch.load(saved, weights_only=True)
    state._metadata["dtrb"]["format"] = files.FORMAT + 1
    torch.save(state, saved)
    assert "update dtrb" in refusal(saved)


def test_a_failed_write_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()

    def fail(state, file):
        file.write(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    model = filled(Recognizer(config_of(CRNN)), salt=9)
    with pytest.raises(CheckpointError, match="No space left on device"):
        save(saved, model, model.config)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


# --- other people's ---------------------------------------------------------------------------------


def bare(path, name=CRNN, prefix="module.", nest=None, **other):
    """Write a file as other trainers do: no description."""
    model = filled(Recognizer(config_of(name, **other)))
    state = OrderedDict((prefix + key, tensor) for key, tensor in model.state_dict().items())
    torch.save({nest: state, "optimizer": {"lr": 1.0}, "epoch": 3} if nest else state, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod.", "model."])
@pytest.mark.parametrize("nest", [None, "model", "state_dict"])
def test_prefixes_and_nests_are_seen_through(tmp_path, prefix, nest):
    checkpoint = read(str(bare(tmp_path / "x.pth", prefix=prefix, nest=nest)))
    assert checkpoint.prefix == prefix
    assert checkpoint.nest == (nest or "")
    assert checkpoint.network.stages == CRNN
    assert checkpoint.charset is None, "shapes do not tell characters"


def test_a_legacy_file_is_read(tmp_path):
    model = Recognizer(config_of(CRNN))
    torch.save(model.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert read(str(tmp_path / "old.pth")).network.stages == CRNN


def test_clovas_opt_txt_gives_the_characters_and_the_pixels(tmp_path):
    path = bare(tmp_path / "best_accuracy.pth", character="ab c")
    options = "------------ Options -------------\n{}---------------------------------------\n"
    first = "character: xyz \nimgH: 32\n"
    second = "character: ab c\nimgH: 64\nimgW: 200\nPAD: True\nselect_data: ['MJ', 'ST']\nnum_class: 5\n"
    (tmp_path / "opt.txt").write_text(options.format(first) + options.format(second), encoding="utf-8")
    checkpoint = read(str(path))
    assert checkpoint.charset.characters == "ab c"
    assert checkpoint.known["imgH"].value == 64
    assert checkpoint.known["PAD"].value is True
    assert checkpoint.known["character"].source.endswith("opt.txt")


def test_easyocrs_trainer_keeps_its_characters_in_three_parts(tmp_path):
    path = bare(tmp_path / "iter_1.pth", character="01!?가나")
    (tmp_path / "iter_1.yaml").write_text(
        "number: '01'\nsymbol: '!?'\nlang_char: '가나'\nimgH: 64\nFT: False\n"
    )
    assert read(str(path)).charset.characters == "01!?가나"


def test_an_easyocr_network_yaml_says_characters_and_geometry(tmp_path):
    path = bare(tmp_path / "my_net.pth", character=" !가")
    (tmp_path / "my_net.yaml").write_text(
        "network_params: {input_channel: 1}\nimgH: 64\nlang_list: [ko]\ncharacter_list: ' !가'\n"
    )
    known = read(str(path)).known
    assert known["character"].value == " !가"
    assert (known["geometry"].value, known["imgH"].value, known["PAD"].value) == ("easyocr", 64, True)


def test_a_file_beside_it_that_describes_another_network_is_passed_over_aloud(tmp_path):
    path = bare(tmp_path / "x.pth")
    (tmp_path / "opt.txt").write_text("FeatureExtraction: ResNet\ncharacter: abc\n")
    checkpoint = read(str(path))
    assert checkpoint.charset is None
    assert "FeatureExtraction is ResNet, the file has VGG" in checkpoint.notes[0]
    assert "3 characters, the file has 36" in checkpoint.notes[0]


def test_our_own_opt_txt_is_read_back(tmp_path, saved):
    from dtrb.config import DataConfig, RunConfig, TrainConfig

    config = config_of(CRNN, character=" '\"#: \\가나"[1:])
    run = RunConfig(model=config, data=DataConfig(), train=TrainConfig())
    path = bare(tmp_path / "x.pth", character=config.character)
    (tmp_path / "opt.txt").write_text(write_opt_txt(run), encoding="utf-8")
    assert read(str(path)).charset.characters == config.character


# --- what is no checkpoint --------------------------------------------------------------------------


class Exploit:
    def __reduce__(self):
        return os.mkdir, (os.environ["DTRB_EXPLOIT"],)


def _zip_of(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")


@pytest.mark.parametrize("way", ["zip", "legacy", "pickle"])
def test_a_pickle_that_wants_to_run_code_is_refused_by_name(tmp_path, monkeypatch, way):
    flag = tmp_path / "it_ran"
    monkeypatch.setenv("DTRB_EXPLOIT", str(flag))
    path = tmp_path / "model.pth"
    content = OrderedDict(weight=torch.zeros(2), extra=Exploit())
    if way == "pickle":
        path.write_bytes(pickle.dumps(Exploit()))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=way == "zip")
    message = refusal(path)
    assert "refused: loading it would call posix.mkdir" in message
    assert not flag.exists()


def test_a_whole_pickled_model_is_refused_by_name(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")
    assert "refused: loading it would call torch.nn.modules.linear.Linear" in refusal(tmp_path / "model.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file (0 bytes)"),
        (b"<!DOCTYPE html><html><head>", "not a PyTorch checkpoint: an HTML page"),
        (b"\n <html>", "not a PyTorch checkpoint: an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b'\x40\0\0\0\0\0\0\0{"a":{}}', "a safetensors file"),
        (b"\0" * 1000, "not a PyTorch checkpoint"),
        (b"hello, world", "not a PyTorch checkpoint: neither a zip archive nor a pickle"),
        (b"\x80\x02garbage", "damaged or truncated"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path, content, message):
    (tmp_path / "x.pth").write_bytes(content)
    assert message in refusal(tmp_path / "x.pth")


def test_an_archive_without_checksums_is_read(tmp_path):
    """torch can be told to write none."""
    torch.serialization.set_crc32_options(False)
    try:
        bare(tmp_path / "x.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert read(str(tmp_path / "x.pth")).network.stages == CRNN


def test_truncated_files_are_named(saved, tmp_path):
    content = saved.read_bytes()
    for share in (0.1, 0.5, 0.999):
        saved.write_bytes(content[: int(len(content) * share)])
        assert "a truncated archive" in refusal(saved)
    legacy = tmp_path / "legacy.pth"
    torch.save(Recognizer(config_of(CRNN)).state_dict(), legacy, _use_new_zipfile_serialization=False)
    legacy.write_bytes(legacy.read_bytes()[:5000])
    assert "damaged or truncated" in refusal(legacy)


def test_archives_of_other_kinds_are_named(tmp_path):
    path = tmp_path / "korean_g2.zip"
    _zip_of(path, ["korean_g2.pth"])
    assert "a zip archive that holds korean_g2.pth; unpack it first" in refusal(path)
    _zip_of(path, ["net/constants.pkl", "net/data.pkl", "net/code/net.py"])
    assert "a TorchScript archive" in refusal(path)


def test_a_place_without_a_file_is_named(tmp_path, saved):
    assert "no such file; did you mean best_accuracy.pth?" in refusal(tmp_path / "best_acuracy.pth")
    assert "a folder; pass a file in it: best_accuracy.pth" in refusal(tmp_path)
    assert "a device or a pipe" in refusal("/dev/null")


@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2], torch.zeros(3), {"model": {"a": 1}}])
def test_a_file_without_a_network_is_named(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    assert "no weights of a network in it" in refusal(tmp_path / "x.pth")


# --- easyocr:NAME -----------------------------------------------------------------------------------


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """Publish a small network as korean_g2, at an address of its own."""
    monkeypatch.setenv("EASYOCR_MODULE_PATH", str(tmp_path / "easyocr"))
    source = tmp_path / "korean_g2.pth"
    bare(source, character="가나")
    archive = tmp_path / "korean_g2.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(source, "korean_g2.pth")
    network = easyocr_catalog.PublishedNetwork(
        "korean_g2",
        "korean_g2.pth",
        "https://example.invalid/korean_g2.zip",
        easyocr_weights.md5(source),
        2,
        "가나",
    )
    monkeypatch.setattr(easyocr_catalog, "recognisers", lambda: {"korean_g2": network})
    return archive, source, tmp_path / "easyocr" / "model" / "korean_g2.pth"


def test_a_network_in_easyocrs_folder_is_taken_by_name(catalogue):
    _, source, path = catalogue
    path.parent.mkdir(parents=True)
    shutil.copy(source, path)
    checkpoint = read_recogniser("easyocr:korean_g2")
    assert checkpoint.description == "EasyOCR korean_g2"
    assert checkpoint.charset.characters == "가나"
    assert checkpoint.known["geometry"].value == "easyocr"


def test_another_file_under_its_name_is_refused(catalogue):
    _, _, path = catalogue
    path.parent.mkdir(parents=True)
    path.write_bytes(b"other")
    assert "its md5 is 795f3202b17cb6bc3d4b771d8c6c9eaf, expected" in refusal("easyocr:korean_g2")


def test_a_missing_network_is_downloaded_as_easyocr_does(catalogue, monkeypatch, capsys):
    archive, source, path = catalogue
    asked = []

    def fetch(url, timeout):
        asked.append(url)
        return archive.open("rb")

    monkeypatch.setattr("urllib.request.urlopen", fetch)
    read_recogniser("easyocr:korean_g2")
    assert asked == ["https://example.invalid/korean_g2.zip"]
    assert path.read_bytes() == source.read_bytes()
    assert "downloading https://example.invalid/korean_g2.zip" in capsys.readouterr().out
    assert os.listdir(path.parent) == ["korean_g2.pth"]


@pytest.mark.parametrize("content", ["other", "broken"])
def test_a_wrong_download_is_thrown_away(catalogue, monkeypatch, content):
    archive, _, path = catalogue
    if content == "other":
        _zip_of(archive, ["korean_g2.pth"])
    else:
        archive.write_bytes(b"PK\x03\x04 but no more")
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: archive.open("rb"))
    assert "korean_g2.pth into" in refusal("easyocr:korean_g2")
    assert os.listdir(path.parent) == []


def test_offline_it_says_where_to_put_the_file(catalogue, monkeypatch):
    from urllib.error import URLError

    def fetch(url, timeout):
        raise URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", fetch)
    message = refusal("easyocr:korean_g2")
    assert "could not be downloaded" in message
    assert f"put korean_g2.pth into {catalogue[2].parent}" in message
