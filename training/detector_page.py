"""The page of the detector's report; what a stranger wants to know first comes first."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from training.detector_tiles import Mistake, tile
from training.report_figures import lines_picture
from training.report_html import ShareRow, document, drawn, embedded, headline, share_table

SHOWN = 48
"""Missed plates, and false boxes, on the page."""


class Mistakes(NamedTuple):
    """What the detector got wrong, the worst first, and the confidence from which a box counts."""

    missed: Sequence[Mistake]
    false: Sequence[Mistake]
    """On pictures with plates."""
    on_nothing: Sequence[Mistake]
    """On pictures without, from half the threshold on."""
    threshold: float


def page(told: Mapping[str, Any], mistakes: Mistakes) -> str:
    """The whole document; `told` as `report.json` has it."""
    detector, by, threshold = told["detector"], told["by"], mistakes.threshold
    parts = [
        f"<h1>Which plates the detector finds</h1><p class=sub>{escape(detector['name'])} of "
        f"{escape(detector['created'])}, <code>{detector['sha256'][:12]}</code>, on {told['all']['pictures']} real "
        f"pictures of {told['all']['plates']} plates and {told['negatives']['pictures']} without any, through the "
        "device’s own code</p>",
        _headline(told),
        _causes(told["causes"], len(mistakes.missed)),
        "<h2>Where plates are missed</h2>",
        _table("Source", by["source"]),
        _table("Width on the detector’s canvas", by["width"]),
        _table("Shape of the box", by["shape"]),
        _table("Light", by["light"]),
        _table("Place", by["place"]),
        _curves(told),
        _cards("Missed, the widest first", mistakes.missed, threshold),
        _cards("Boxes on no plate, the surest first", mistakes.false, threshold),
        _cards("Nearly or really boxed, on pictures without plates", mistakes.on_nothing, threshold),
        "<h2>How this was made</h2><p>Every figure is in <code>report.json</code> beside this page. Intervals draw "
        f"pictures anew, not plates.</p><pre>{escape(told['command'])}</pre>"
        "<p>This page shows real licence plates and faces. They are personal data: do not publish it.</p>",
    ]
    return document("what the detector finds", parts)


def _headline(told: Mapping[str, Any]) -> str:
    whole, without = told["all"], told["negatives"]
    return headline(
        (
            (whole["recall"], "of the plates found", f"IoU 0.5, confidence {told['threshold']:g} and more"),
            (without["boxed"], "of pictures without plates boxed", f"of {without['pictures']}, held back"),
            (whole["ap50"], "AP50", "area under the precision-recall curve"),
            (whole["ap50_95"], "AP50-95", "mean over IoU 0.5 to 0.95: how tight boxes are"),
        )
    )


def _causes(told: Mapping[str, int], unseen: int) -> str:
    if not unseen:
        return "<h2>Missed: nothing</h2>"
    items = "".join(f"<li>{escape(name)} <b>{count}×</b>" for name, count in told.items())
    return f"<h2>Why {unseen} plates are missed</h2><ul class=mistakes>{items}</ul>"


def _table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    precise = all("ap50" in row for row in rows.values())
    lines = (
        ShareRow(
            name,
            (str(row["pictures"]), str(row["plates"])),
            row["recall"],
            row["interval"],
            (f"{row['ap50']:.1%}", f"{row['ap50_95']:.1%}") if precise else (),
        )
        for name, row in rows.items()
    )
    return share_table((title, "pictures", "plates", "found"), ("AP50", "AP50-95") if precise else (), lines)


def _curves(told: Mapping[str, Any]) -> str:
    given, working = told["curves"], (told["negatives"]["boxed"], told["all"]["recall"])
    pictures = (
        ("Precision over recall", lines_picture(given["precision"], "recall", "precision")),
        (
            "Recall over boxed",
            lines_picture(given["boxed"], "pictures without plates with a box", "recall", working),
        ),
        ("Recall over IoU", lines_picture(given["overlap"], "IoU asked for", "recall", (0.5, working[1]))),
    )
    boxes = told["false_boxes_a_picture"]
    text = (
        f"<p>The red point is the threshold of {told['threshold']:g}. There are {boxes['with plates']:.3f} boxes on no "
        f"plate a picture with plates, and {boxes['without plates']:.3f} a picture without.</p>"
    )
    return f"<h2>What other thresholds would do</h2>{text}<div class=pair>" + "".join(
        drawn(picture, title) for title, picture in pictures
    ) + "</div>"  # fmt: skip


def _cards(title: str, mistakes: Sequence[Mistake], threshold: float) -> str:
    if not mistakes:
        return f"<h2>{title}: none</h2>"
    note = f"{SHOWN} of {len(mistakes)}" if len(mistakes) > SHOWN else f"all {len(mistakes)}"
    cards = "".join(
        f"<figure class=square title='{escape(one.picture.name, quote=True)}'>"
        f"<img src='{embedded(tile(one, threshold))}' alt=''><figcaption><small>{escape(one.picture.source)}, "
        f"{one.box[2] - one.box[0]:.0f} px, <b>{one.score:.2f}</b></small></figcaption></figure>"
        for one in mistakes[:SHOWN]
    )
    legend = "<p>Green: labelled. Red: found. Yellow: found with too little confidence.</p>"
    return f"<h2>{title}: {note}</h2>{legend}<div class=cards>{cards}</div>"
