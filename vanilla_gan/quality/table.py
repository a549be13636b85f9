"""The table that `./run.sh evaluate` prints: figures of samples beside those of real images."""

from __future__ import annotations

from typing import Any

from vanilla_gan.quality.classes import COVERED, says_little
from vanilla_gan.quality.modes import modes_lines

_A_LINE = 10  # shares of classes in a line
_COLUMNS = "{:<23} {:>15} {:>15}  {}"
# Name, key in the figures, decimals, and which way is good.
_ROWS = (
    ("Frechet distance", "frechet", 2, "lower"),
    ("precision, k = 3", "precision", 3, "higher, with recall"),
    ("recall, k = 3", "recall", 3, "higher"),
    ("density, k = 5", "density", 3, "higher, to about 1"),
    ("coverage, k = 5", "coverage", 3, "higher"),
    ("classes over {share:.3g}%", "classes_covered", 0, "all {classes}"),
    ("class entropy, nats", "class_entropy", 3, "as for real images"),
)


def quality_table(found: dict[str, Any]) -> str:
    """Returns some lines of at most 80 columns for what `quality.evaluate` has found."""
    samples, real = found["figures"], found["real"]["figures"]
    count, trained = len(found["class_shares"]), found["trained_classes"]
    lines = [
        f"{found['system']} on {found['dataset']['name']} after {found['iteration']} iterations, "
        f"{found['n']} samples",
        "",
        _COLUMNS.format("", "samples", "real images", "better"),
        _COLUMNS.format("Parzen, nats", _parzen(samples), _parzen(real), "higher"),
    ]
    for name, key, decimals, better in _ROWS:
        cells = (f"{figures[key]:.{decimals}f}" for figures in (samples, real))
        words = {"share": 100 * COVERED / trained, "classes": "ten" if trained == 10 else trained}
        lines.append(_COLUMNS.format(name.format(**words), *cells, better.format(**words)))
    shares = [f"{100 * share:5.0f}" for share in found["class_shares"]]
    shares_lines = ["".join(shares[k : k + _A_LINE]) for k in range(0, count, _A_LINE)]
    distances = [each["distance"] for each in found["shown"]]
    memorised = sum(each["memorised"] for each in found["shown"])
    usual = found["test_image_distance"]
    lines += [
        "",
        f"{f'classes 0 to {count - 1}, %':<21}{shares_lines[0]}",
        *(f"{'':<21}{line}" for line in shares_lines[1:]),
        f"nearest neighbours   {min(distances):.2f} to {max(distances):.2f}, first "
        f"{len(distances)} samples to training images",
        f"                     real test images: {usual['50%']:.2f} (median), 99% of them above "
        f"{usual['1%']:.2f}",
        f"memorised            {memorised} of {len(distances)}: nearer than 99% of test images",
        f"classifier           correct for {found['classifier_test_accuracy']:.2%} of test images",
    ]
    if "class_agreement" in found:
        lines.append(
            f"class asked for      shown by {found['class_agreement']:.2%} of samples, according "
            "to the classifier"
        )
    for number, line in enumerate(modes_lines(found.get("modes", {}))):
        lines.append(f"{'' if number else 'modes':<21}{line}")
    guessing = found["guessing_test_accuracy"]
    if says_little(found["classifier_test_accuracy"], guessing):
        lines.append(f"{'':<21}guessing one class: {guessing:.2%}; all but Parzen mean little")
    return "\n".join(line.rstrip() for line in lines)


def _parzen(figures: dict[str, Any]) -> str:
    error = figures["parzen_nats_error"]
    return f"{figures['parzen_nats']:.1f}" + ("" if error is None else f" +- {error:.1f}")
