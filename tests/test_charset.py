import unicodedata

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from dtrb import easyocr_catalog
from dtrb.charset import Charset, anchored, read_file, resolve
from dtrb.errors import CharsetError, ConfigError

CHARSETS = ROOT / "configs" / "charsets"


def nobody():
    raise AssertionError("nobody asked for this")


def resolved(spec, checkpoint=nobody, data=nobody):
    return resolve(spec, "--character", checkpoint, data).characters


def test_order_is_class_order():
    charset = Charset("nab")
    assert list(charset) == ["n", "a", "b"]
    assert charset.position == {"n": 0, "a": 1, "b": 2}
    assert "a" in charset
    assert "z" not in charset


@pytest.mark.parametrize(
    ("characters", "message"),
    [
        ("", "there are none"),
        ("abca", r"repeated characters: 1 \(a\)"),
        ("ab\n", "U\\+000A"),
        ("ab\ud800", "U\\+D800"),
    ],
)
def test_what_cannot_be_a_charset_is_refused(characters, message):
    with pytest.raises(CharsetError, match=message):
        Charset(characters)


@given(st.lists(st.characters(exclude_categories=("Cc", "Cs")), unique=True, min_size=1))
def test_any_distinct_characters_are_a_charset(characters):
    charset = Charset("".join(characters))
    assert list(charset) == characters
    assert not charset.changed_to(charset)
    assert charset.joined_with(characters) == charset


def test_the_fingerprint_tells_orders_apart():
    assert Charset("abc").fingerprint != Charset("acb").fingerprint
    assert Charset("abc").fingerprint == Charset("abc").fingerprint


def test_a_change_reads_as_a_sentence():
    assert str(Charset("abc").changed_to(Charset("abc"))) == "the same 3 characters in the same order"
    change = Charset("abc").changed_to(Charset("acde"))
    assert (change.added, change.lost, change.moved) == ("de", "b", "c")
    assert str(change) == "3 characters become 4: 2 added (de), 1 lost (b), 1 moved (c)"


@pytest.mark.parametrize(
    ("characters", "lowers"),
    [("abc123", True), ("abcABC", False), ("ABC", False), ("가나다", False), ("12", False)],
)
def test_labels_are_lowered_only_for_a_set_with_lower_and_no_upper_case(characters, lowers):
    assert Charset(characters).lowers_labels is lowers


def test_literal_characters_are_taken_as_they_are():
    assert resolved(" \\]^-[a") == " \\]^-[a"
    assert resolved("0+1") == "0+1"


def test_decomposed_hangul_is_composed():
    assert resolved(unicodedata.normalize("NFD", "한글")) == "한글"


def test_names_join_without_moving_what_was_there(tmp_path):
    extra = tmp_path / "extra.txt"
    extra.write_text("b€\n", encoding="utf-8")
    assert resolved(f"checkpoint+{extra}+data", lambda: Charset("cab"), lambda: "€zd") == "cab€dz"


def test_easyocr_names_are_easyocrs_own_lists():
    assert resolved("easyocr:korean_g2") == easyocr_catalog.recognisers()["korean_g2"].characters
    grown = resolved("easyocr:korean_g2+data", data=lambda: "했었가")
    assert grown == easyocr_catalog.recognisers()["korean_g2"].characters + "었했"


@pytest.mark.parametrize("name", ["c++.txt", "a+b.txt"])
def test_a_files_name_may_hold_a_plus(tmp_path, name):
    folder = tmp_path / "my+project"
    folder.mkdir()
    (folder / name).write_text("xy\n")
    assert resolved(f"{folder / name}+data", data=lambda: "z") == "xyz"
    assert anchored(f"{name}+data", folder) == f"{folder / name}+data"


def test_a_forgotten_prefix_is_not_taken_for_characters():
    with pytest.raises(CharsetError, match="did you mean easyocr:korean_g2"):
        resolved("korean_g2")


def test_what_nfc_takes_apart_stays_whole():
    bengali = easyocr_catalog.recognisers()["bengali_g1"].characters
    assert resolved(bengali) == bengali
    assert resolved("easyocr:bengali_g1") == bengali


def test_a_wrong_easyocr_name_is_answered_with_a_near_one():
    with pytest.raises(ConfigError, match="did you mean korean_g2"):
        resolved("easyocr:korea_g2")
    with pytest.raises(ConfigError, match="is a detector"):
        resolved("easyocr:craft")


def test_names_and_characters_do_not_mix():
    with pytest.raises(CharsetError, match="'했었' is not one"):
        resolved("easyocr:korean_g2+했었")


def test_lists_of_easyocr_that_repeat_characters_are_refused_by_name():
    with pytest.raises(CharsetError, match=r"easyocr:devanagari_g1.*repeated"):
        resolved("easyocr:devanagari_g1")


def test_files_hold_one_line_or_one_character_a_line(tmp_path):
    one_line, lines = tmp_path / "one.txt", tmp_path / "lines.txt"
    one_line.write_bytes("\ufeff 가#b\r\n".encode())
    lines.write_bytes("가\r\n \r\n#\r\n".encode())
    assert read_file(one_line).characters == " 가#b"
    assert read_file(lines).characters == "가 #"


def test_a_file_that_is_neither_is_refused_with_its_line(tmp_path):
    path = tmp_path / "mixed.txt"
    path.write_text("a\nbc\nd\n", encoding="utf-8")
    with pytest.raises(CharsetError, match=r"has 3 lines.*line 2 holds 2"):
        read_file(path)
    with pytest.raises(CharsetError, match="there is no such file"):
        read_file(tmp_path / "none.txt")
    path.write_bytes("가나".encode("cp949"))
    with pytest.raises(CharsetError, match=r"is not UTF-8 text \(line 1\)"):
        read_file(path)


def test_a_profile_finds_its_files_beside_itself(tmp_path):
    (tmp_path / "own.txt").write_text("ab\n")
    assert anchored("own.txt+data", tmp_path) == f"{tmp_path}/own.txt+data"
    assert anchored("other.txt", tmp_path) == "other.txt"
    assert anchored("abc", tmp_path) == "abc"


@pytest.mark.parametrize("name", ["korean_g2", "english_g2"])
def test_shipped_charsets_are_easyocrs(name):
    assert read_file(CHARSETS / f"{name}.txt").characters == easyocr_catalog.recognisers()[name].characters


def test_korean_modern_can_write_what_korean_g2_cannot():
    g2, modern = read_file(CHARSETS / "korean_g2.txt"), read_file(CHARSETS / "korean_modern.txt")
    assert modern.characters.startswith(g2.characters), "the learned rows of korean_g2 keep their places"
    syllables = {bytes([r, c]).decode("euc_kr") for r in range(0xB0, 0xC9) for c in range(0xA1, 0xFF)}
    assert len(syllables) == 2350
    assert syllables <= set(modern)
    assert set("했었았였겠됐갔왔났봤₩“”‘’·…ㅋㅠ") <= set(modern)
    assert unicodedata.is_normalized("NFC", modern.characters)
