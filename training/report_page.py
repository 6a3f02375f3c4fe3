"""The report as one HTML page with all its pictures in it; what a stranger wants to know first comes first."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge.records import Image, PlateReading
from training.dataset import Sample
from training.reader_metrics import Bin
from training.report_figures import confusion_picture, reliability_diagram, risk_curve, width_curve
from training.report_html import ShareRow, document, drawn, embedded, headline, share_table
from training.scores import Judged, aligned

WORST = 50
"""Misread crops on the page; `readings.csv` has them all."""

FEWEST = 5
"""Crops; smaller countries share one line of the table."""


def page(figures: Mapping[str, Any], judged: Judged) -> str:
    """The whole document; `figures` as `report_figures` makes them, with "versus" and "command"."""
    whole, reader = figures["all"], figures["reader"]
    parts = [
        f"<h1>What the reader reads, and what it misses</h1><p class=sub>{escape(reader['name'])} of "
        f"{escape(reader['created'])}, <code>{reader['sha256'][:12]}</code>, on {whole['crops']} real crops of "
        f"{whole['plates']} plates, through the device’s own code</p>",
        _headline(figures),
        _versus(figures["versus"]),
        _worst(judged),
        "<h2>Where it fails</h2>",
        _scores("Set", figures["by"]["set"]),
        _scores("Lines of characters", figures["by"]["lines"]),
        _width(figures),
        _confidence(figures["confidence"]),
        _characters(figures),
        _scores("Country", _together(figures["by"]["country"])),
        _scores("Characters on the plate", figures["by"]["length"]),
        _how(figures["command"]),
    ]
    return document("what the reader misses", parts)


def _headline(figures: Mapping[str, Any]) -> str:
    whole, sure = figures["all"], figures["confidence"]
    surest, held_out = sure["surest"], "ECE of one look, held-out plates"
    wrong = round(whole["crops"] * (1 - whole["exact"]))
    tiles = (
        (whole["exact"], "read without any error", f"{wrong} of {whole['crops']} wrong; {_ends(whole['interval'])}"),
        (surest["right"], f"right of the surest {surest['share']:.0%}", _ends(surest["interval"])),
        (whole["characters"], "of the characters", _ends(whole["characters_interval"])),
        (sure["held_out_error"], "error of its confidences", f"{held_out}; {_ends(sure['held_out_error_interval'])}"),
    )
    return headline(tiles)


def _ends(interval: Sequence[float]) -> str:
    low, high = interval
    return f"95%: {low:.1%} – {high:.1%}"


def _versus(rows: Mapping[str, Any]) -> str:
    if not rows:
        return ""
    names = list(rows)
    head = "".join(f"<th>{escape(name)}" for name in names)
    body = ""
    for group, first in rows[names[0]]["scores"].items():
        shares = "".join(f"<td>{rows[name]['scores'][group]['exact']:.1%}" for name in names)
        body += f"<tr><th>{escape(group)}<td>{first['crops']}{shares}"
    characters = "".join(f"<td>{rows[name]['scores']['all']['characters']:.1%}" for name in names)
    times = "".join(f"<td>{rows[name]['milliseconds']:.2f}" for name in names)
    body += f"<tr class=line><th>characters<td>{characters}<tr><th>processor ms a crop<td>{times}"
    table = f"<div class=scroll><table class=plain><tr><th>exact<th>crops{head}{body}</table></div>"
    return f"<h2>Side by side on the same crops</h2>{table}{''.join(_against(name, rows[name]) for name in names[1:])}"


def _against(name: str, row: Mapping[str, Any]) -> str:
    against = row["against"]
    points, low, high = (100 * share for share in (against["difference"], *against["interval"]))
    text = (
        f"<p><b>Ours {points:+.1f} points</b> against {escape(name)} (95%: {low:+.1f} to {high:+.1f}; McNemar "
        f"p = {against['p']:.2g}), which takes {against['times']:.3g} times our processor time.</p>"
    )
    for kind, title in (("fixed", "only ours reads"), ("broken", "only the other reads")):
        crops = "".join(
            f"<tr><td><code>{escape(each['truth'])}</code><td>{escape(each['set'])}"
            f"<td>{_marked(each['truth'], each['ours'])}<td>{_marked(each['truth'], each['other'])}"
            for each in against[kind]
        )
        table = f"<div class=scroll><table class=plain><tr><th>truth<th>set<th>ours<th>theirs{crops}</table></div>"
        text += f"<details><summary>{len(against[kind])} {title}</summary>{table if crops else ''}</details>"
    return text


def _worst(judged: Judged) -> str:
    missed = [row for row, right in enumerate(judged.right) if not right]
    missed.sort(key=lambda row: -judged.readings[row].confidence)
    cards = "".join(_card(judged.samples[row], judged.crops[row], judged.readings[row]) for row in missed[:WORST])
    if not missed:
        return "<h2>Misread: nothing</h2>"
    note = f"the {WORST} surest of {len(missed)}" if len(missed) > WORST else f"all {len(missed)}"
    explained = (
        "Surest first: at the top are the mistakes that a gate would believe. Above the truth, below the reading; "
        "<mark>red</mark> is wrong, <mark>·</mark> missing. Look at the labels too: some cannot be read by anybody."
    )
    return f"<h2>Misread: {note}</h2><p>{explained}</p><div class=cards>{cards}</div>"


def _card(sample: Sample, crop: Image, reading: PlateReading) -> str:
    height, width = crop.shape[:2]
    where = f"{escape(sample.set)}, {escape(sample.country)}, {width}×{height}"
    return (
        f"<figure title='{escape(sample.image.name, quote=True)}'><img src='{embedded(crop)}' alt=''><figcaption>"
        f"<code>{escape(sample.text)}</code><br><code>{_marked(sample.text, reading.text)}</code>"
        f"<small><b>{reading.confidence:.0%}</b> sure; {where}</small></figcaption></figure>"
    )


def _marked(truth: str, read: str) -> str:
    """The reading with its mistakes marked; a dot stands for a missing character."""
    return "".join(
        escape(got) if got == true else f"<mark>{escape(got) or '·'}</mark>" for true, got in aligned(truth, read)
    )


def _scores(title: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of groups, with the exact share and its interval as a bar."""
    lines = (
        ShareRow(
            name,
            (str(row["crops"]), str(row["plates"])),
            row["exact"],
            row["interval"],
            (f"{row['characters']:.1%}", "{:.0%} – {:.0%}".format(*row["characters_interval"])),
        )
        for name, row in rows.items()
    )
    return share_table((title, "crops", "plates", "exact"), ("characters", "95%"), lines)


def _together(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The groups of at least `FEWEST` crops; what is smaller is in `report.json`."""
    return {name: row for name, row in rows.items() if row["crops"] >= FEWEST} or dict(rows)


def _width(figures: Mapping[str, Any]) -> str:
    bands, shrunk = figures["by"]["width"], figures["shrunk"]
    widths = shrunk.get("widths", {})
    full = list(widths.values())[-1]["exact"] if widths else 0.0
    enough = [int(width) for width, row in widths.items() if row["exact"] >= 0.9 * full > 0]
    told = (
        f"<p>Shrunk to <b>{min(enough)} pixels</b>, the same wide one-line crops are still read nine times in ten as "
        "often as at full width. Plates far away are blurred as well, so take it as the least.</p>"
        if enough
        else ""
    )
    picture = drawn(width_curve(bands, shrunk), "Exact share over the width of the crop")
    return f"<h2>How wide must a plate be?</h2>{told}<div class=pair>{picture}{_scores('Pixels wide', bands)}</div>"


def _confidence(sure: Mapping[str, Any]) -> str:
    bins = [Bin(**each) for each in sure["bins"]]
    surest = sure["surest"]
    told = (
        "<p>Left: of the readings of one confidence, the share that is right; the red line is the gap, white the "
        "number of crops. These are readings after the other looks at unsure crops; the error of their confidences "
        f"(ECE, ten steps) is {_error(sure, 'error_after_looks')}.</p>"
        f"<p>Of one look at each crop it is {_error(sure, 'error')} at the temperature of {sure['temperature']:g} that "
        "the logits are divided by, which was found on <code>val</code>, and "
        f"<b>{_error(sure, 'held_out_error')}</b> with temperatures that were found on other plates than the judged "
        "ones.</p>"
        f"<p>Right: how many are right when only the surest are kept, {surest['right']:.1%} of the surest "
        f"{surest['share']:.0%} ({_ends(surest['interval'])}). {surest['misread']} misreads are among these; "
        f"{surest['too_short']} of them are shorter than the plate: a character that is not seen at all has no "
        "confidence that could be low.</p>"
    )
    left = drawn(reliability_diagram(bins), "Reliability diagram")
    right = drawn(risk_curve(sure["curve"], surest["share"], surest["right"]), "Risk–coverage curve")
    return f"<h2>Can its confidence be believed?</h2>{told}<div class=pair>{left}{right}</div>"


def _error(sure: Mapping[str, Any], name: str) -> str:
    return f"{sure[name]:.1%} ({_ends(sure[f'{name}_interval'])})"


def _characters(figures: Mapping[str, Any]) -> str:
    names = {"": "nothing"}
    mistakes = "".join(
        f"<li><code>{names.get(true, true)}</code> → <code>{names.get(read, read)}</code> <b>{count}×</b>"
        for true, read, count in figures["mistakes"][:16]
    )
    rows = "".join(
        f"<tr{' class=line' if name == 'micro avg' else ''}><th>{name}<td>{row['precision']:.3f}<td>{row['recall']:.3f}"
        f"<td>{row['f1']:.3f}<td>{row['support']}"
        for name, row in figures["characters"].items()
    )
    table = f"<table class=plain><tr><th><th>precision<th>recall<th>F1<th>support{rows}</table>"
    told = f"<p>Most frequent mistakes, truth → reading:</p><ul class=mistakes>{mistakes}</ul>" if mistakes else ""
    matrix = drawn(confusion_picture(**figures["confusion"]), "Confusion matrix of the characters")
    return (
        f"<h2>Which characters?</h2>{told}"
        f"{matrix}<details><summary>Precision, recall and F1 of each character</summary>"
        "<p>Truth and reading are aligned by edit distance; a missing character lowers its recall, an extra one its "
        f"precision.</p><div class=scroll>{table}</div></details><h2>More groups</h2>"
    )


def _how(command: str) -> str:
    return (
        "<h2>How this was made</h2><p>Every figure is in <code>report.json</code>, every crop with truth, reading and "
        "confidences in <code>readings.csv</code>, both beside this page. Intervals draw plates anew, not pictures: "
        f"pictures of one car are not independent.</p><pre>{escape(command)}</pre>"
        "<p>This page shows real licence plates. They are personal data: do not publish it.</p>"
    )
