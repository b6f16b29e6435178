"""What processes that train together send each other."""

import pytest

from mnistcli import mesh


@pytest.mark.parametrize("size", [0, 1, 4, 5, 12])
def test_what_is_sent_in_parts_arrives_whole(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh, "MOST_AT_ONCE", 4)
    content = bytes(range(size))
    assert mesh.bytes_of_first_process(content) == content
