"""Which encoding a text is in: a mark or valid UTF-8 decides; else evidence, and where that does not suffice the file is refused.

Nearly every byte sequence is valid GB18030, so validity proves nothing: cp1252 "Café|" read as GB18030 loses its delimiter and gains a
character nobody wrote. What tells the encodings apart is what the text would say: Chinese read rightly is made of common characters,
read wrongly of rare ones; the accents of Western text stand alone within words of plain letters.
"""

import codecs
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from riskwarn.errors import DataError
from riskwarn.ingest.scripts import makes_sense_elsewhere
from riskwarn.privacy import simplified

BLOCK_BYTES = 8 << 20
"""Bytes read at once."""
BAD = "\ufdd0"
"""Stands for bytes that are no character; Unicode keeps it free for such use, so no text holds it."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 128 << 10
_UTF8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_CHINESE = ("gb18030", "cp950")
_WESTERN, _CENTRAL = "cp1252", "cp1250"
_READINGS = {
    byte: tuple(bytes([byte]).decode(name, "ignore") for name in (_WESTERN, _CENTRAL)) for byte in range(0x80, 0x100)
}
"""What a byte is in a text of Western and in one of Central Europe; empty where it is no character."""
_RUN = re.compile(rb"[\x80-\xff]+")
_LETTERS = frozenset(range(0xC0, 0x100)) - {0xD7, 0xF7} | {0x8C, 0x9C, 0x9F}
_SIGNS = frozenset(
    b"\x80\x82\x84\x85\x91\x92\x93\x94\x95\x96\x97\xa0\xa1\xa3\xa7\xa9\xab\xae\xb0\xb2\xb5\xb7\xba\xbb\xbf"
)
_WITHIN_WORDS = frozenset(b"\x92\x96\x97\xa0\xad\xb4\xb7")
_LOW_QUOTES, _HIGH_QUOTES, _ELLIPSIS = frozenset(b"\x82\x84"), frozenset(b"\x91\x92\x93\x94"), b"\x85"
_LATIN, _SIGN = (
    re.compile(rb"(?:[\xc2-\xc5][\x80-\xbf]|\xc6[\xa0\xa1\xaf\xb0]|\xc8[\x98-\x9b])+"),
    re.compile(rb"(?:\xc2[\xa0-\xbf])+"),
)
_BESIDE_LETTERS = re.compile(rb"[A-Za-z][\xc2-\xc8][\x80-\xbf]|[\xc2-\xc8][\x80-\xbf][A-Za-z]")
_SCRIPTS = tuple(
    re.compile(rb"(?:%b|\xc2[\xa0-\xbf])+" % script)
    for script in (
        rb"\xce[\x86-\xbf]|\xcf[\x80-\x8e]",
        rb"\xd0[\x81-\xbf]|\xd1[\x80-\x9f]|\xd2[\x90\x91]",
        rb"\xd7[\x90-\xaa]",
        rb"[\xd8-\xda][\x80-\xbf]|\xdb[\x80-\x95]",
    )
)
"""Two-byte characters of UTF-8 as texts in Greek, Cyrillic, Hebrew and Arabic have them."""
_ESCAPES = re.compile(rb"\x1b\$[@B(A]|\x1b\([JIB]|~\{(?:[!-w][!-~])+~\}")
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_SURE, _LIKELY, _LEAST, _APART = 0.9, 0.7, 0.45, 0.15
_FEW = 20
"""Characters below which a text may consist of rare ones, such as the name of one village."""

codecs.register_error("riskwarn-bad", lambda error: (BAD, error.end))  # type: ignore[attr-defined]


def sniff_encoding(path: Path) -> tuple[str, str]:
    """Encoding of a text file and the SHA-256 of its content, from reading all of it.

    A byte order mark decides; else what is UTF-8 throughout, or but for a few bytes, is UTF-8; else GB18030, Big5 (cp950) or
    Western (cp1252), where the text it gives is plainly the likeliest. Letters that would be other ones in Central Europe (cp1250) are asked for.

    Raises
    ------
    DataError
        The evidence does not suffice; the mapping can state the encoding.
    """
    digest, decoder, valid = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), True
    with path.open("rb") as handle:
        head = handle.read(BLOCK_BYTES)
        block, escaped = head, False
        while block:
            digest.update(block)
            escaped = escaped or ((b"\x1b" in block or b"~{" in block) and _ESCAPES.search(block) is not None)
            valid = valid and _decodes(decoder, block)
            block = handle.read(BLOCK_BYTES)
    valid = valid and _decodes(decoder, b"", final=True)
    name = _marked(head) or ("utf-8" if valid and not _by_chance(head) else _by_evidence(path))
    if escaped and name == "utf-8":
        raise DataError(
            f"{path}: the encoding cannot be told: it has escape sequences, as ISO-2022 and HZ have; export it again as UTF-8, or state "
            "`encoding` in the mapping."
        )
    return name, digest.hexdigest()


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _marked(head: bytes) -> str:
    """The encoding a mark or the pattern of zero bytes tells, or nothing."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    sample = head[:4096]
    zeros = [sample[place::2].count(0) for place in (0, 1)]
    printable = sum(32 <= a < 127 and 32 <= b < 127 for a, b in zip(sample[::2], sample[1::2], strict=False))
    if sum(zeros) * 10 >= len(sample) and min(zeros) * 20 <= sum(zeros) and printable <= sum(zeros):
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    return ""


def _by_evidence(path: Path) -> str:
    with path.open("rb") as handle:
        sample = _telling(handle)
    name = likely_encoding(sample)
    if not name and (letters := western_or_central(sample)):
        raise DataError(
            f"{path}: the encoding cannot be told: {letters} stand in it as Western (cp1252) or Central European text (cp1250) has them; "
            "export it again as UTF-8, or state `encoding` in the mapping."
        )
    if not name:
        raise DataError(
            f"{path}: the encoding cannot be told: the text is neither UTF-8 nor plainly GB18030, Big5 or Western (cp1252); "
            "export it again as UTF-8, or state `encoding` in the mapping."
        )
    return name


def _telling(lines: Iterator[bytes]) -> bytes:
    """The first lines with bytes beyond ASCII, as many as make a sample."""
    telling: list[bytes] = []
    size = 0
    for line in lines:
        if not line.isascii():
            telling.append(line[:_SAMPLE_BYTES])
            size += len(telling[-1])
            if size >= _SAMPLE_BYTES:
                break
    return b"".join(telling)


def likely_encoding(sample: bytes) -> str:
    """The encoding in which bytes make sense, empty where none does or two do.

    Examples
    --------
    >>> [likely_encoding(word.encode(name)) for word, name in [("邻里纠纷", "gbk"), ("違規停車", "big5"), ("Café|x", "cp1252")]]
    ['gb18030', 'cp950', 'cp1252']
    """
    if sample.isascii():
        return "utf-8"
    strange = sum(byte >= 0x80 for byte in sample)
    characters = _usual_characters(sample)
    if characters and (sum(map(len, characters)) > 0.8 * strange or len(characters) >= 2 * _utf8_faults(sample)):
        return "utf-8"
    western = _western_share(sample)
    chinese = {name: _common_share(sample, name) for name in _CHINESE}
    best = max(chinese, key=lambda name: chinese[name][0])
    share, n = chinese[best]
    least = _LEAST if n < _FEW else _LIKELY
    if share >= least and share - western >= _APART and share - min(s for s, _ in chinese.values()) >= _APART:
        return "" if n < _FEW and (_japanese_share(sample) > share or makes_sense_elsewhere(sample, best)) else best
    is_western = western >= _SURE and share < _LIKELY and not western_or_central(sample)
    return _WESTERN if is_western else ""


def western_or_central(sample: bytes) -> str:
    """The letters on which the Western and the Central European reading of a text differ, where both make sense; else empty.

    Examples
    --------
    >>> western_or_central("señor".encode("cp1252")), western_or_central("Café".encode("cp1252"))
    ('ñ or ń', '')
    """
    strange = sorted({byte for byte in sample if byte >= 0x80})
    if not all(_READINGS[byte][1] for byte in strange):
        return ""
    return ", ".join(" or ".join(_READINGS[byte]) for byte in strange if _has_two_readings(byte, sample))


def _has_two_readings(byte: int, sample: bytes) -> bool:
    western, central = _READINGS[byte]
    letter = rb"[A-Za-z\xc0-\xff]"
    beside_letters = (
        re.search(rb"%b%b|%b%b" % (letter, (sign := re.escape(bytes([byte]))), sign, letter), sample) is not None
    )
    return western != central and central.isalpha() and (western.isalpha() or beside_letters)


def _usual_characters(sample: bytes) -> list[bytes]:
    """The characters of UTF-8, without those of two bytes where these are few and no text of one script has them, as Chinese in GB18030 seems to."""
    characters = _UTF8_CHARACTER.findall(sample)
    short = b"".join(c for c in characters if len(c) == 2)
    if not 2 < len(short) < 2 * _FEW or _is_of_one_script(short, sample):
        return characters
    return [c for c in characters if len(c) > 2]


def _is_of_one_script(characters: bytes, sample: bytes) -> bool:
    if _LATIN.fullmatch(characters):
        return _SIGN.fullmatch(characters) is not None or _BESIDE_LETTERS.search(sample) is not None
    return any(script.fullmatch(characters) for script in _SCRIPTS)


def _by_chance(head: bytes) -> bool:
    """Whether a text is UTF-8 as it seems, though what it would say is Chinese in a Chinese encoding."""
    sample = b"" if head.isascii() else _telling(line.group() for line in _LINE.finditer(head))
    return bool(sample) and not _usual_characters(sample) and likely_encoding(sample) in _CHINESE


def _japanese_share(sample: bytes) -> float:
    return _common_share(sample, "euc_jp")[0]


def _utf8_faults(sample: bytes) -> int:
    return sample.decode("utf-8", "replace").count("\ufffd") - sample.count(b"\xef\xbf\xbd")


def _common_share(sample: bytes, encoding: str) -> tuple[float, int]:
    """How common the characters are that a Chinese encoding gives, in [0, 1], and how many there are."""
    text = sample.decode(encoding, "replace")
    weights = [_weight(letter) for letter in text if ord(letter) >= 0x80 and not _is_sign(letter)]
    return (sum(weights) / len(weights), len(weights)) if weights else (0.0, 0)


def _is_sign(letter: str) -> bool:
    """Punctuation and full-width letters, which say nothing about the text."""
    return "\u3000" <= letter <= "\u303f" or "\uff00" <= letter <= "\uffef" or "\u2010" <= letter <= "\u2030"


@cache
def _weight(letter: str) -> float:
    """1 for one of the 2,000 commonest characters, less for the rest of GB 2312, nearly nothing for other ones."""
    if simplified(letter) in _common():
        return 1.0
    if not "\u4e00" <= letter <= "\u9fff":
        return 0.0
    try:
        simplified(letter).encode("gb2312")
    except UnicodeEncodeError:
        return 0.05
    return 0.3


@cache
def _common() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("common_characters.txt").read_text("utf-8")) - {"\n"}


def _western_share(sample: bytes) -> float:
    """Share of the runs of high bytes that are what Western text has: a letter or two beside plain letters, or a usual sign.

    What DOS and old Macintosh encodings put there is another sign within a word, a capital behind a small letter, a quote that never ends.
    """
    low = frozenset() if _HIGH_QUOTES & set(sample) else _LOW_QUOTES
    usual = [
        not low & set(run.group())
        and _is_western(run.group(), sample[run.start() - 1 : run.start()], sample[run.end() : run.end() + 1])
        for run in _RUN.finditer(sample)
        if run.group() != _ELLIPSIS
    ]
    return sum(usual) / len(usual) if usual else 0.0


def _is_western(run: bytes, before: bytes, after: bytes) -> bool:
    beside, within = before.isalpha() or after.isalpha(), before.isalpha() and after.isalpha()
    if set(run) <= _SIGNS:
        return not within or set(run) <= _WITHIN_WORDS
    turned = before.islower() and run.decode(_WESTERN, "replace")[0].isupper()
    return len(run) <= 2 and beside and not turned and set(run) <= _LETTERS | _SIGNS


def utf8_blocks(path: Path, encoding: str, *, known_valid: bool = False) -> Iterator[bytes]:
    """The text of a file as UTF-8, block by block; bytes that are no character become :data:`BAD`, a mark at the start is gone.

    Parameters
    ----------
    path
        The file.
    encoding
        Any that Python knows.
    known_valid
        The file is known to be valid UTF-8 without a mark: its bytes pass as they are.
    """
    with path.open("rb") as handle:
        if known_valid:
            while block := handle.read(BLOCK_BYTES):
                yield block
            return
        decoder = codecs.getincrementaldecoder(encoding)("riskwarn-bad")
        first = True
        while raw := handle.read(BLOCK_BYTES):
            text = decoder.decode(raw)
            yield (text.lstrip("\ufeff") if first else text).encode()
            first = False
        yield decoder.decode(b"", final=True).encode()
