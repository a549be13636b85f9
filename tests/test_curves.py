"""`losses.png`: what is drawn, checked by its pixels and by matplotlib's panels."""

from __future__ import annotations

import types

import matplotlib
import numpy as np
import PIL.Image
import pytest

from vanilla_gan.agreement.published import published_runs
from vanilla_gan.report import curves
from vanilla_gan.report.curves import losses_png
from vanilla_gan.runfolder.losses_csv import LossRows
from vanilla_gan.settings import RunConfig

BLUE, ORANGE, GREY = (0x17, 0x64, 0xAB), (0xB8, 0x43, 0x0B), (0xCC, 0xCC, 0xCC)
LIGHT = (0xEE, 0xEE, 0xEE)
RECORDED = published_runs("vanilla", "mnist").ensemble(RunConfig())


def rows(d_loss, g_loss, every: int = 100) -> LossRows:
    d_loss, g_loss = np.array(d_loss, np.float64), np.array(g_loss, np.float64)
    return LossRows(np.arange(len(d_loss)) * every, d_loss, g_loss)


def draw(path, losses: LossRows, published=None, parent=None) -> np.ndarray:
    """Returns the picture, uint8 [600, 800, 3]."""
    path.write_bytes(losses_png(losses, published, "vanilla on mnist, seed 7", parent))
    with PIL.Image.open(path) as picture:
        assert (picture.size, picture.format) == ((800, 600), "PNG")
        return np.array(picture.convert("RGB"))


def near(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Returns where pixels have a colour, bool, give or take the rounding to 256 colours."""
    return (np.abs(pixels.astype(int) - colour) <= 12).all(axis=-1)


def panel(pixels: np.ndarray, number: int) -> np.ndarray:
    """Returns the inside of the upper (0) or lower (1) panel, without frame and legend."""
    return pixels[58:285, 84:772] if number == 0 else pixels[328:548, 84:772]


def noisy(n: int) -> LossRows:
    stream = np.random.RandomState(5)
    return rows(np.exp(stream.normal(-2, 0.5, n)), np.exp(stream.normal(1, 0.2, n)))


@pytest.mark.parametrize("n", [1, 2, 10, 101, 10_000, 30_001])
def test_both_losses_are_seen_in_their_panels(tmp_path, n) -> None:
    pixels = draw(tmp_path / "losses.png", noisy(n))
    for number, colour, other in ((0, BLUE, ORANGE), (1, ORANGE, BLUE)):
        assert near(panel(pixels, number), colour).sum() >= (10 if n == 1 else 200)
        assert not near(panel(pixels, number), other).any()
        # At most the crossings of the grid.
        assert near(panel(pixels, number), GREY).mean() < 0.005


def test_the_parent_of_a_fork_is_dashed_from_the_fork_on(tmp_path) -> None:
    losses = noisy(101)
    parent = LossRows(np.arange(50, 101) * 100, np.full(51, 0.2), np.full(51, 2.5))
    pixels, without = (
        draw(tmp_path / "a.png", losses, parent=parent),
        draw(tmp_path / "b.png", losses),
    )
    for number in (0, 1):
        dark, none = (near(panel(each, number), (0x40, 0x40, 0x40)) for each in (pixels, without))
        assert dark[:, :340].sum() <= none.sum() + 5
        assert dark[:, 340:].sum() > 100 + none.sum()


def test_the_spread_of_the_recorded_runs_lies_behind(tmp_path) -> None:
    published = RECORDED
    inside = rows(np.median(published.d_loss, axis=0), np.median(published.g_loss, axis=0))
    pixels = draw(tmp_path / "losses.png", inside, published)
    for number in (0, 1):
        grey = near(panel(pixels, number), GREY)
        # A band along the whole axis, and a wider, light one around it.
        assert (grey.sum(axis=0) >= 2).mean() > 0.95
        light = near(panel(pixels, number), LIGHT)
        assert (light.sum(axis=0) > grey.sum(axis=0)).mean() > 0.95


def test_the_line_lies_where_its_values_are(tmp_path) -> None:
    """On a logarithmic axis, every tenfold value is the same step up."""
    pixels = draw(tmp_path / "losses.png", rows([0.01] * 90 + [0.1] * 90 + [1] * 90, [1] * 270))
    line = near(panel(pixels, 0), BLUE)
    heights = [np.argwhere(line[:, x]).mean() for x in (100, 340, 600)]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=2)
    assert heights[0] - heights[1] > 50


def test_peaks_of_many_rows_are_not_lost(tmp_path) -> None:
    losses = rows(np.full(20_000, 0.5), np.full(20_000, 0.5))
    losses.g_loss[13_337] = 400.0
    pixels = draw(tmp_path / "losses.png", losses)
    column = int(13_337 / 19_999 * 688)
    # Faint, and one pixel wide.
    peak = panel(pixels, 1)[: 220 // 2, column - 2 : column + 3]
    assert (peak.astype(int).sum(axis=2) < 720).any(axis=1).mean() > 0.8


@pytest.fixture
def panels(monkeypatch):
    """Returns a list that collects the panels drawn during the test."""
    kept = []
    draw_panel = curves._draw

    def keep(axes, *args):
        draw_panel(axes, *args)
        # A panel loses its contents once it is drawn.
        kept.append(
            types.SimpleNamespace(
                lines=list(axes.lines),
                texts=list(axes.texts),
                collections=list(axes.collections),
                yscale=axes.get_yscale(),
                ylabel=axes.get_ylabel(),
                axes=axes,
            )
        )

    monkeypatch.setattr(curves, "_draw", keep)
    return kept


def lines(axes) -> list[list[float]]:
    return [line.get_ydata().tolist() for line in axes.lines]


def notes(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_what_cannot_be_drawn_is_a_gap_and_counted(tmp_path, panels) -> None:
    draw(tmp_path / "losses.png", rows([0, 0.5, np.nan, 0.25], [3, np.inf, -np.inf, 1]))
    np.testing.assert_array_equal(lines(panels[0]), [[np.nan, 0.5, np.nan, 0.25]])
    np.testing.assert_array_equal(lines(panels[1]), [[3, np.nan, np.nan, 1]])
    said = "not drawn: 2 of 4 rows, which are zero, NaN or infinite"
    assert [notes(axes) for axes in panels] == [[said], [said]]
    assert [axes.yscale for axes in panels] == ["log", "log"]


def test_a_single_row_has_its_iteration_as_the_only_label(tmp_path, panels) -> None:
    draw(tmp_path / "losses.png", LossRows(np.array([700]), np.ones(1), np.ones(1)))
    assert [each.axes.get_xticks().tolist() for each in panels] == [[700], [700]]


def test_nothing_to_draw_at_all(tmp_path, panels) -> None:
    draw(tmp_path / "losses.png", rows([0.0] * 3, [np.nan] * 3), RECORDED)
    assert ["not drawn: 3 of 3 rows" in notes(axes)[0] for axes in panels] == [True, True]


def test_a_negative_loss_is_drawn_by_its_magnitude(tmp_path, panels) -> None:
    """As with `--loss minimax` for G; the recorded runs have another loss, so it is not drawn."""
    drawn = rows([1, 0.5, 0.25], [-4, -2, 0])
    draw(tmp_path / "losses.png", drawn, RECORDED)
    np.testing.assert_array_equal(lines(panels[1]), [[4, 2, np.nan]])
    assert panels[1].ylabel == "\N{MINUS SIGN} G loss"
    assert [len(axes.collections) for axes in panels] == [2, 0]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_light_range_of_few_runs_does_not_flatten_the_curves(tmp_path, panels, sign) -> None:
    values = np.array([[1.0] * 11, [1.2] * 11, [1.1] * 11, [1.15] * 11, [1000.0] * 11])
    few = RECORDED._replace(
        name="5 runs of a sweep",
        loss_iterations=np.arange(0, 1100, 100),
        d_loss=values,
        g_loss=sign * values,
    )
    draw(tmp_path / "losses.png", rows([1.1] * 11, [sign * 1.1] * 11), few)
    for each in panels:
        # The axis adds a factor of ten to either end of 1 to 1000; the range goes on to 1e26.
        low, high = each.axes.get_ylim()
        assert (0.099 < low < 1, 1000 < high < 10_001) == (True, True)
        assert len(each.collections) == 2


def test_a_name_with_dollar_signs_is_not_a_formula(tmp_path) -> None:
    """`$a_$` is not a valid one, but a sweep has the name of its folder."""
    few = RECORDED._replace(name="8 runs of $a_$")
    pixels = draw(tmp_path / "losses.png", noisy(10), few)
    assert near(panel(pixels, 0), BLUE).any()


def test_both_signs_get_a_linear_axis(tmp_path, panels) -> None:
    draw(tmp_path / "losses.png", rows([1, 2, 3], [-1, 0, 1]))
    assert [axes.yscale for axes in panels] == ["log", "linear"]
    np.testing.assert_array_equal(lines(panels[1]), [[-1, 0, 1]])
    assert notes(panels[1]) == []


def test_a_parent_leaves_less_room_for_the_name_of_a_sweep(tmp_path, panels) -> None:
    few = RECORDED._replace(name="8 runs of sweeps/of_layers")
    for parent, name in ((None, few.name), (noisy(10), "...ps/of_layers")):
        draw(tmp_path / "losses.png", noisy(10), few, parent)
        labels = [each.get_label() for each in panels[-1].collections]
        assert labels == ["expected mean", name]


def test_the_mean_is_drawn_over_the_values(tmp_path, panels) -> None:
    """Twenty rows are smoothed over five rows."""
    values = np.arange(1.0, 21.0) ** 2
    draw(tmp_path / "losses.png", rows(values, values))
    raw, smooth = panels[0].lines
    assert (raw.get_alpha(), smooth.get_alpha()) == (0.4, None)
    assert raw.get_ydata().tolist() == values.tolist()
    # (64 + 81 + 100 + 121 + 144) / 5
    assert smooth.get_ydata()[9] == pytest.approx(102)
    assert smooth.get_label() == "mean of 5 rows"


def test_equal_losses_give_equal_bytes_whatever_matplotlib_is_set_to(tmp_path) -> None:
    draw(tmp_path / "one.png", noisy(50))
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        before = dict(matplotlib.rcParams)
        draw(tmp_path / "other.png", noisy(50))
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
