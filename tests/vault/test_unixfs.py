"""CIDs of whole files against those that IPFS's own importer gives.

The expected values for the pattern were printed by boxo v0.35.0 (the library inside Kubo): balanced layout,
262,144-byte chunks, 174 links, raw leaves, CIDv1 over SHA-256.
"""

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.cid import DAG_PB, RAW, Cid
from vault.unixfs import LEAF_SIZE, LINKS_PER_NODE, blocks_of, cid_of

K = LEAF_SIZE

SMALL = [
    (0, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
    (1, "bafkreidogqfzz75tpkmjzjke425xqcrmpcib2p5tg44hnbirumdbpl5adu"),
    (12, "bafkreihfnsdz2j7lmyvbs76imslpdyicu3vrsrnnrnmsdsupwoj4qacfhi"),
    (1_000, "bafkreidl6modokd5yeen6nizsnclxsi7sdk2xkjwt4grezpt3ytpl6irzm"),
    (262_143, "bafkreiherupkvbsssl7gp2i74gzdemulv3xegxnamaaq52sfxcudjc6xg4"),
    (262_144, "bafkreigfujqjifvocriep54iv3ejktqqseuc6hqlwkncmndmgjt4ivg4iu"),
    (262_145, "bafybeidzdp4d52f7ihrr3ywdtb3ofjrzy3nyjdeqnfva5pwv6a3meqf6pi"),
    (524_288, "bafybeig7mlib42ul2avtla65fuj2igc6q5ezfzogztgmjcloyhqnakf65a"),
    (524_289, "bafybeia5jk2zgswdhjsr5qr6oenvcleiqjh4zc3zlt7mmuyuopvppmniyu"),
    (5_242_880, "bafybeidnipbjyqbedf2nxtz7la6ge6kbbsvxjd2cbu4wfmgdm6sfppvxxu"),
]
LARGE = [
    (45_350_913, "bafybeigqvjhu26at73py64t4aciydh7vussjwl52xxi6aropizthl6fzju"),
    (45_613_056, "bafybeiayptasduihvh6ivptooxaalbduzliizwadoehxo26w3at4az7lbe"),
    (45_613_057, "bafybeiftdwuagzviteyqb76hw75afy7drpnp6nki3whzbment2bz44ztmq"),
    (45_875_205, "bafybeib32hsxtw4mas3v3xi5fr2u3cavcn4iyn4g3kik4ykmq6gfk56ldm"),
    (91_226_112, "bafybeics5jp2viqj4pfpwazubkg6fvykxraodfszx74lcn5v6x56zvrmyi"),
    (91_226_113, "bafybeiddyxxtcgsecvzuqfvbs62d555dlmf4xdaiyhu746sd73hlzil4jy"),
    (120_000_000, "bafybeieuqlaqfl7vstjyrtk6avbrgnnpdosn4syd3frgddyekqu6k3jvgy"),
]


class Pattern:
    """`size` bytes where byte i is (31·i + 17·(i >> 8) + (i >> 16)) mod 256; never whole in memory."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.position = 0

    def read(self, size: int = -1, /) -> bytes:
        end = self.size if size < 0 else min(self.size, self.position + size)
        parts = []
        while self.position < end:
            page = self.position >> 8
            first = (17 * page + (page >> 8)) & 0xFF
            offset = self.position & 0xFF
            upto = min(256, offset + end - self.position)
            parts.append(PAGES[first][offset:upto])
            self.position += upto - offset
        return b"".join(parts)


PAGES = [bytes((31 * i + first) & 0xFF for i in range(256)) for first in range(256)]


@pytest.mark.parametrize(("size", "expected"), SMALL)
def test_equals_ipfs_at_and_around_the_leaf_size(size: int, expected: str) -> None:
    assert str(cid_of(Pattern(size))) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("size", "expected"), LARGE)
def test_equals_ipfs_where_the_tree_gets_another_level(size: int, expected: str) -> None:
    assert str(cid_of(Pattern(size))) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
        (b"hello\n", "bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am"),
    ],
)
def test_published_cids_of_small_files(content: bytes, expected: str) -> None:
    assert str(cid_of(content)) == expected


def test_a_file_of_one_leaf_is_a_raw_block_and_one_byte_more_is_a_node() -> None:
    assert [block.cid.codec for block in blocks_of(bytes(K))] == [RAW]
    assert [block.cid.codec for block in blocks_of(bytes(K + 1))] == [RAW, RAW, DAG_PB]


def test_a_stream_that_gives_little_at_a_time_has_the_same_cid() -> None:
    seed = 20261122
    source = random.Random(seed)
    content = source.randbytes(3 * K + 77)

    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 1, source.randint(1, 50_000)))

    assert cid_of(Trickle(content)) == cid_of(content), f"seed {seed}"


def test_every_block_is_what_its_cid_names_and_sizes_add_up() -> None:
    blocks = list(blocks_of(Pattern(K * (LINKS_PER_NODE + 1) + 5)))
    assert all(block.cid.verifies(block.data) for block in blocks)
    assert blocks[-1].file_size == K * (LINKS_PER_NODE + 1) + 5
    assert blocks[-1].dag_size == sum(len(block.data) for block in blocks)
    assert len([block for block in blocks if block.cid.codec == DAG_PB]) == 3


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.binary(max_size=2000), st.binary(min_size=1, max_size=1))
def test_a_small_file_is_its_raw_block_and_any_change_shows(content: bytes, more: bytes) -> None:
    assert cid_of(content) == Cid.of_block(content)
    assert cid_of(content + more) != cid_of(content)
