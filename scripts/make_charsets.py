"""Write configs/charsets/*.txt: EasyOCR's published sets, and one that can write modern Korean.

python scripts/make_charsets.py
"""

import string
from pathlib import Path

from dtrb import easyocr_catalog
from dtrb.charset import Charset

FOLDER = Path(__file__).parents[1] / "configs" / "charsets"

# All 2,350 syllables of KS X 1001, in its order, which is that of Unicode.
KS_X_1001 = "".join(
    bytes([row, cell]).decode("euc_kr") for row in range(0xB0, 0xC9) for cell in range(0xA1, 0xFF)
)
# ㄱ to ㅣ: consonants and vowels by themselves, as in ㅋㅋ, ㅠㅠ, and in lists (ㄱ. ㄴ. ㄷ.).
SINGLE_JAMO = "".join(map(chr, range(0x3131, 0x3164)))
PUNCTUATION = (
    "“”‘’"  # quotation marks
    "·ㆍ…‥–—―～"  # dots and dashes
    "「」『』〈〉《》【】〔〕"  # titles and brackets
    "、。"  # in older print and mixed script
    "₩€£¥§°℃℉％‰′″"  # signs and units
    "㎜㎝㎞㎡㎥㎎㎏㎖㏄"
    "×÷±≒≠≤≥∞"
    "①②③④⑤⑥⑦⑧⑨⑩"
    "←↑→↓"
    "※★☆○●◎◇◆□■△▲▽▼▶◀♥♡♪"
    "®©™²³½"
)


def main() -> None:
    korean_g2 = Charset(easyocr_catalog.recogniser("korean_g2").characters)
    assert set(string.ascii_letters + string.digits + string.punctuation + " ") < set(korean_g2)
    write("korean_g2", korean_g2)
    write("english_g2", Charset(easyocr_catalog.recogniser("english_g2").characters))
    # korean_g2's own classes keep their places, so that its learned rows do.
    write("korean_modern", korean_g2.joined_with(KS_X_1001).joined_with(PUNCTUATION).joined_with(SINGLE_JAMO))


def write(name: str, charset: Charset) -> None:
    (FOLDER / f"{name}.txt").write_text(charset.characters + "\n", encoding="utf-8", newline="\n")
    print(f"{name}: {charset}")


if __name__ == "__main__":
    main()
