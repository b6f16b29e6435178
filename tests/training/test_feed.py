import numpy as np
import pytest

from mnistcli.datasets import Split
from mnistcli.mesh import mesh_for
from mnistcli.training import feed

NUMBERED = Split(np.arange(70, dtype=np.uint8).repeat(4).reshape(70, 2, 2, 1), np.arange(70))


@pytest.mark.parametrize("streams", [False, True])
def test_each_epoch_of_each_seed_has_an_order_of_its_own_that_holds_every_image_once(
    streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if streams:
        monkeypatch.setattr(feed, "SHARE", 0)
        monkeypatch.setattr(feed, "WINDOW_BYTES", 2 * 16 * 4)

    def order(seed: int, epoch: int) -> tuple[int, ...]:
        seen: list[int] = []
        for window in feed.make_feed(NUMBERED, batch=16, seed=seed, mesh=mesh_for(16)).windows(epoch):
            rows = np.asarray(window.order)[np.asarray(window.order) >= 0]
            assert not streams or window.images.nbytes <= feed.WINDOW_BYTES
            seen += np.asarray(window.labels)[rows].tolist()
            assert np.array_equal(np.asarray(window.images)[rows, 0, 0, 0], np.asarray(window.labels)[rows])
        return tuple(seen)

    orders = {order(seed, epoch) for seed in (0, 1) for epoch in (1, 2)}
    assert len(orders - {tuple(range(70))}) == 4
    assert all(sorted(each) == list(range(70)) for each in orders)


@pytest.mark.parametrize("streams", [False, True])
def test_the_last_batch_is_filled_up_with_other_images_that_do_not_count(
    streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if streams:
        monkeypatch.setattr(feed, "SHARE", 0)
        monkeypatch.setattr(feed, "WINDOW_BYTES", 2 * 16 * 4)
    *_, window = feed.make_feed(NUMBERED, batch=16, seed=0, mesh=mesh_for(16)).windows(1)
    last = np.asarray(window.order)[4 - int(window.first)]  # 70 images are 4 batches and 6 images
    rows = np.where(last < 0, ~last, last)
    assert (last >= 0).tolist() == 6 * [True] + 10 * [False]
    assert len({*np.asarray(window.labels)[rows].tolist()}) == 16
