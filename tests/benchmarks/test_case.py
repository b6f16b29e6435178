from tests.benchmarks.case import Benchmark, Case


def test_a_ratio_is_the_median_of_the_rounds_with_its_range() -> None:
    ours = Case("mnistcli", [], seconds=[1, 3, 2, 2, 9, 3], peak_mebibytes=[5, 5, 5])
    other = Case("keras", [], seconds=[4, 4, 4], peak_mebibytes=[6, 6, 6])
    assert Benchmark("epoch", [ours, other]).rows() == [
        "| epoch | mnistcli | 2.5 s | 6 |  | 5 MiB |",
        "| epoch | keras | 4 s | 3 | 0.50 (0.50–1.50) | 6 MiB |",
    ]
