"""The command line: `gatereader run | read | replay | review | log | check | doctor | aim | config | bench | password`.

Every error ends here, as one line on standard error; `--debug` adds the traceback. Exit status: 0 ok, 1 something
failed, 2 wrong usage, 78 wrong configuration. What a command needs is imported when it runs, so that
`gatereader --version` does not wait for OpenCV.
"""

import argparse
import getpass
import io
import json
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from edge import __version__
from edge.errors import ConfigError, GateReaderError
from edge.log_options import add_log_commands
from edge.printable import printable
from edge.usage import CommandParser

if TYPE_CHECKING:
    from edge.config import Config, Override
    from edge.replay import Reference

_INTERRUPTED = 130
_INSTALLED = Path("/etc/gatereader")
"""Where the service's configuration is, which no command takes without being told."""
_OPTIONS = {
    "source": ("source", "source"),
    "csv": ("csv", "path"),
    "listen": ("live", "listen"),
    "camera": ("service", "camera"),
    "record": ("recording", "folder"),
    "folder": ("review", "folder"),
    "detector": ("detector", "model"),
    "reader": ("reader", "model"),
    "distance": ("aim", "distance"),
    "speed": ("aim", "speed"),
}
"""Options that set one key of the configuration: name → section and key. `--set` reaches all the others."""
_NUMBERS = ("distance", "speed")
"""Those of them whose values are numbers."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - until the end
    options = _parser().parse_args(arguments)
    debug = "debug" in options
    _start_logging(debug, options.run is _run)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may have bytes that are no characters
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader of our output went away (`| head`). Python would complain once more while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (GateReaderError, OSError) as error:
        if debug:
            traceback.print_exc()
        _complain(str(error))
        return error.exit_status if isinstance(error, GateReaderError) else 1


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks and more log")
    parser = CommandParser(
        prog="gatereader", description="Reads the licence plates of the cars at a gate.", parents=[common]
    )
    parser.add_argument("--version", action="version", version=f"gatereader {__version__}")
    commands: argparse._SubParsersAction[argparse.ArgumentParser] = parser.add_subparsers(
        required=True, metavar="COMMAND", parser_class=CommandParser
    )

    run = commands.add_parser("run", parents=[common], help="the service; with nothing given: the demo scene")
    run.set_defaults(run=_run)
    _add_configuration(run, "source", "csv", "listen", "camera", "record", "detector", "reader")

    read = commands.add_parser("read", parents=[common], help="read pictures, folders of pictures and clips")
    read.set_defaults(run=_read)
    read.add_argument(
        "paths", nargs="+", type=_path, metavar="PATH", help="picture (- on standard input), folder, clip"
    )
    read.add_argument("--json", action="store_true", help="one JSON object a picture, on one line")
    read.add_argument("--crops", action="store_true", help="each picture is one plate; no detector runs")
    read.add_argument("--save", type=_path, metavar="DIR", help="write the pictures, with what was found drawn on them")
    _add_configuration(read, "detector", "reader")

    _add_replay(commands, common)
    _add_review(commands, common)
    add_log_commands(commands, _log, common, _add_configuration)

    check = commands.add_parser("check", parents=[common], help="check configuration, models, CSV file and source")
    check.set_defaults(run=_check)
    _add_configuration(check, "source", "csv", "listen", "camera", "detector", "reader")

    _add_doctor(commands, common)
    _add_aim(commands, common)
    _add_config(commands, common)
    _add_bench(commands, common)

    password = commands.add_parser("password", parents=[common], help="make the live page's password_hash")
    password.set_defaults(run=_password)
    return parser


def _add_replay(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    replay = commands.add_parser("replay", parents=[common], help="a clip through the whole pipeline: its events")
    replay.set_defaults(run=_replay)
    replay.add_argument("clip", metavar="CLIP", help="a clip, a folder of frames in name order, or another source")
    replay.add_argument("--json", action="store_true", help="one event a line, as JSON")
    replay.add_argument("--fps", type=_positive, metavar="N", help="frames a second of a folder (default: 5)")
    replay.add_argument("--timed", action="store_true", help="the frames' times are in their names: NAME_tSECONDS.jpg")
    _add_comparison(replay)
    _add_configuration(replay, "camera", "detector", "reader")


def _add_review(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    review = commands.add_parser("review", parents=[common], help="say what the plates of doubtful passes are")
    review.set_defaults(run=_review)
    review.add_argument("--list", action="store_true", help="list the crops that wait")
    review.add_argument("--all", action="store_true", help="also those that were answered before")
    review.add_argument("--export", type=Path, metavar="DIR", help="make training data of the answers")
    review.add_argument("--json", action="store_true", help="print JSON, one object a line")
    answers = (
        "ID=TEXT answers one crop (- no plate, ? unreadable), ID= takes the answer back, "
        "SECTION.KEY=VALUE sets any key; may be given again"
    )
    _add_configuration(review, "csv", "folder", set_help=answers)


def _add_doctor(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    doctor = commands.add_parser("doctor", parents=[common], help="look at the machine too, and say what to do")
    doctor.set_defaults(run=_doctor)
    doctor.add_argument("--json", action="store_true", help="one JSON object")
    doctor.add_argument(
        "--bundle", type=Path, metavar="FILE.zip", help="also write what a helper needs, without passwords and plates"
    )
    _add_configuration(doctor, "source", "csv", "listen", "camera", "detector", "reader")


def _add_aim(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    aim = commands.add_parser("aim", parents=[common], help="a meter for placing the camera, and what to do better")
    aim.set_defaults(run=_aim)
    aim.add_argument("paths", nargs="*", type=_path, metavar="PATH", help="pictures instead: one block a plate")
    aim.add_argument("--json", action="store_true", help="one JSON object a look (or a picture), on one line")
    aim.add_argument("--once", action="store_true", help="end with the first plate; exit status 1 if none comes")
    _add_configuration(aim, "source", "distance", "speed", "camera", "detector", "reader")


def _add_config(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    config = commands.add_parser("config", help="check a configuration, or show what it comes to")
    actions = config.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", parents=[common], help="is every key known and in range? 78 if not")
    show = actions.add_parser("show", parents=[common], help="every setting, as a configuration file")
    show.add_argument("--origin", action="store_true", help="say where each comes from: default, FILE:LINE or option")
    show.add_argument("--secrets", action="store_true", help="show passwords and known plates too")
    for action, run in ((check, _config_check), (show, _config_show)):
        action.set_defaults(run=run)
        action.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the same as --config FILE")
        _add_configuration(action, *_OPTIONS)


def _add_bench(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    bench = commands.add_parser("bench", parents=[common], help="measure what each stage costs on this machine")
    bench.set_defaults(run=_bench)
    bench.add_argument("--frames", type=_count, default=200, metavar="N", help="frames to measure (default: 200)")
    bench.add_argument("--threads", type=_count, metavar="N", help="threads of each model")
    bench.add_argument("--json", action="store_true", help="one JSON object")
    bench.add_argument("--soak", type=_positive, metavar="MINUTES", help="so long instead: pace, heat, memory, speeds")
    told = "tell how often a car at that speed is read; may be given again (5, 10, 20, 30, 50)"
    bench.add_argument("--speed", dest="speeds", type=_positive, action="append", metavar="KMH", help=told)
    bench.add_argument("--fov", type=_angle, metavar="DEGREES", help="what the camera sees from left to right (60)")
    _add_configuration(bench, "source", "detector", "reader")


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    """What a replay is compared with; exit status 3 if something is worse."""
    group = parser.add_argument_group("comparison", "What differs, pass by pass; exit status 3 if something is worse.")
    group.add_argument("--against", type=Path, metavar="FILE", help="an earlier `replay --json`, or a recorded folder")
    group.add_argument("--truth", type=Path, metavar="FILE", help="the plates that there were: CSV or JSON lines")
    group.add_argument("--versus", type=Path, metavar="FILE", help="replay a second time with this configuration")
    group.add_argument("--versus-detector", metavar="FILE", help="… or with this detector")
    group.add_argument("--versus-reader", metavar="FILE", help="… or with this reader")
    group.add_argument(
        "--versus-set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="… or with this key"
    )


def _add_configuration(
    parser: argparse.ArgumentParser, *names: str, set_help: str = "sets any key; may be given again"
) -> None:
    """`--config`, `--set` and the options named, each with the configuration key that it sets."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration (TOML)")
    for name in names:
        section, key = _OPTIONS[name]
        kind = _positive if name in _NUMBERS else str
        parser.add_argument(f"--{name}", type=kind, help=f"sets {section}.{key}", metavar=name.upper())
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help=set_help)


def _configure(options: argparse.Namespace) -> "Config":
    """Defaults < configuration file < options of the command line < `--set`."""
    from edge.config import load_config

    if options.config is None and _INSTALLED.is_dir():
        sys.stderr.write(f"gatereader: no --config: the defaults hold, not {_INSTALLED}/gatereader.toml\n")
    return load_config(options.config, _overrides(options))


def _overrides(options: argparse.Namespace) -> "list[Override]":
    """What the command line says about the configuration."""
    from edge.config import Override, parse_override

    overrides = [
        Override(section, key, value, f"--{name}")
        for name, (section, key) in _OPTIONS.items()
        if (value := getattr(options, name, None)) is not None
    ]
    return overrides + [parse_override(text) for text in options.set]


def _run(options: argparse.Namespace) -> int:
    # a terminal that closes sends the same signal as who wants the configuration read anew
    if options.config is None or os.isatty(0):
        return _serve(options, reloads=False)
    # until the service listens to it, it would end the program, and systemd takes that for a clean end
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        return _serve(options, reloads=True)
    finally:
        signal.signal(signal.SIGHUP, before)


def _serve(options: argparse.Namespace, *, reloads: bool) -> int:
    from edge.memory import return_large_blocks

    return_large_blocks()  # before anything large is imported: afterwards 15 MB are in fragments already
    from edge.service import run

    whole = run(_configure(options), (lambda: _configure(options)) if reloads else None)
    return 0 if whole else 1  # what was skipped is in the log


def _read(options: argparse.Namespace) -> int:
    from edge.detector import PlateDetector
    from edge.reader import PlateReader
    from edge.stills import read_paths, still_line

    logging.getLogger("edge.clip").setLevel(logging.ERROR)  # what a clip lacks is among the results
    config = _configure(options)
    detector = None if options.crops else PlateDetector(config.detector.of_stills, config.region)
    status = 0
    for values in read_paths(options.paths, detector, PlateReader(config.reader), config.vote, options.save):
        failed = "error" in values
        if failed and not options.json:
            _complain(f"{values['image']}: {values['error']}")
        else:
            _print(json.dumps(values, ensure_ascii=False) if options.json else printable(still_line(values)))
        status = 1 if failed else status
    return status


def _replay(options: argparse.Namespace) -> int:
    from edge.replay import (
        compare_replays,
        comparison_json,
        comparison_text,
        event_json,
        event_text,
        open_recording,
        replay,
    )
    from edge.source import arriving

    config, reference = _configure(options), _reference(options)
    if reference is not None:
        comparison = compare_replays(config, options.clip, reference, options.fps, options.timed)
        for line in comparison_json(comparison) if options.json else comparison_text(comparison):
            _print(line)
        return comparison.exit_status
    with open_recording(config, options.clip, options.fps, options.timed) as source:
        for event in replay(config, arriving(source)):
            _print(event_json(event) if options.json else event_text(event))
        return 1 if source.skipped else 0  # what was skipped is in the log


def _reference(options: argparse.Namespace) -> "Reference | None":
    """What `replay` is to be compared with; None for nothing."""
    from edge.config import Override, load_config, parse_override
    from edge.replay import Reference

    models = {"detector": options.versus_detector, "reader": options.versus_reader}
    changes = [Override(name, "model", file, f"--versus-{name}") for name, file in models.items() if file is not None]
    changes += [parse_override(text) for text in options.versus_set]
    versus = None
    if changes or options.versus is not None:
        if options.against is not None:
            raise ConfigError("--against compares with what is stored, --versus with a second run; give one of them")
        versus = load_config(options.versus or options.config, [*_overrides(options), *changes])
    if versus is None and options.against is None and options.truth is None:
        return None
    return Reference(options.against, versus, options.truth)


def _review(options: argparse.Namespace) -> int:
    from edge.kept_crops import crops_folder
    from edge.review_command import Wishes, review

    answers = [text for text in options.set if "." not in text.partition("=")[0]]
    options.set = [text for text in options.set if text not in answers]
    config = _configure(options)
    wishes = Wishes(tuple(answers), options.list, options.export, options.all, options.json)
    for line in review(crops_folder(config.review, config.csv.path), wishes):
        _print(line if options.json else printable(line))
    return 0


def _log(options: argparse.Namespace) -> int:
    from edge.log_commands import run_log

    return run_log(options, _configure(options))


def _check(options: argparse.Namespace) -> int:
    from edge.check import check

    try:
        config = _configure(options)
    except ConfigError as error:
        _print(printable(f"FAILED  configuration: {error}"))
        return error.exit_status
    status = 0
    for finding in check(config):
        _print(printable(f"{'FAILED' if finding.status else 'ok    '}  {finding.what}: {finding.text}"))
        status = max(status, finding.status)
    return status


def _doctor(options: argparse.Namespace) -> int:
    from edge.bundle import write_bundle
    from edge.config import read_config
    from edge.doctor import diagnose, exit_status, report_json, report_lines

    config, origins, trouble = None, None, None
    try:
        config, origins = read_config(options.config, _overrides(options))
    except ConfigError as error:  # the machine can be looked at all the same
        trouble = error
    findings = []
    for finding in diagnose(config, trouble):
        findings.append(finding)
        if not options.json:
            _print("\n".join(map(printable, report_lines(finding))))
    if options.json:
        _print(report_json(findings))
    if options.bundle is not None:
        write_bundle(options.bundle, findings, config, origins=origins, file=options.config)
        sys.stderr.write(f"gatereader: {options.bundle} is written; look at what is in it before you send it\n")
    return exit_status(findings)


def _aim(options: argparse.Namespace) -> int:
    from edge.aim_command import aim_live, aim_pictures, picture_lines
    from edge.half_blocks import colours_of

    config = _configure(options)
    if not options.paths:
        return aim_live(config, sys.stdout, as_json=options.json, once=options.once)
    status, colour = 0, colours_of(sys.stdout) != "none"
    for told in aim_pictures(config, options.paths):
        if "error" in told:
            status = 1
            if not options.json:
                _complain(f"{told['image']}: {told['error']}")
                continue
        for line in picture_lines(told, as_json=options.json, colour=colour):
            _print(line)
    return status


def _config_check(options: argparse.Namespace) -> int:
    from edge.config import read_config
    from edge.config_show import checked_line

    file = _configuration_file(options)
    _print(checked_line(*read_config(file, _overrides(options)), file))
    return 0


def _config_show(options: argparse.Namespace) -> int:
    from edge.config import read_config
    from edge.config_show import show_config

    read = read_config(_configuration_file(options), _overrides(options))
    for line in show_config(*read, with_origin=options.origin, secrets=options.secrets):
        _print(line)
    return 0


def _configuration_file(options: argparse.Namespace) -> Path | None:
    if options.file is not None and options.config is not None:
        raise ConfigError(f"{options.file} and --config {options.config} are both given; give one of them")
    file: Path | None = options.file or options.config
    return file


def _bench(options: argparse.Namespace) -> int:
    from edge.bench import bench, bench_json, bench_text

    if options.threads is not None:
        options.set += [f"detector.threads={options.threads}", f"reader.threads={options.threads}"]
    if options.soak is not None:
        return _soak(options)
    report = bench(_configure(options), options.frames)
    _print(bench_json(report) if options.json else bench_text(report))
    return 0


def _soak(options: argparse.Namespace) -> int:
    from edge.soak import SPEEDS, Sample, SoakSettings, soak
    from edge.soak_words import sample_line, soak_json, soak_text

    on_terminal = sys.stderr.isatty()

    def tell(sample: Sample, minutes: float) -> None:
        if on_terminal:
            sys.stderr.write(f"\r\033[K{sample_line(sample, minutes)}")
            sys.stderr.flush()

    settings = SoakSettings(options.soak, tuple(options.speeds or SPEEDS), options.fov or 60.0)
    report = soak(_configure(options), settings, tell)
    if on_terminal:
        sys.stderr.write("\r\033[K")
    _print(soak_json(report) if options.json else soak_text(report))
    return 0 if report.complete else _INTERRUPTED


def _password(_: argparse.Namespace) -> int:
    from edge.password import hash_password

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", getpass.GetPassWarning)  # a pipe shows nothing that is typed
            first, again = (getpass.getpass(ask) for ask in ("Password of the live page: ", "The same again: "))
    except EOFError:
        raise ConfigError("no password came, as the input has ended; type it in a terminal") from None
    if again != first:
        raise ConfigError("the two passwords differ; nothing was made")
    _print(f'password_hash = "{hash_password(first)}"')
    return 0


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # a line is a result: whoever reads the pipe gets it now


def _complain(line: str) -> None:
    sys.stderr.write(f"gatereader: {printable(line)}\n")


def _path(text: str) -> Path:
    if not text:  # Path would take it for the current folder
        raise argparse.ArgumentTypeError("an empty path; the current folder is .")
    return Path(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and below 1000")
    return number


def _angle(text: str) -> float:
    if not 10 <= (degrees := _positive(text)) <= 170:
        raise argparse.ArgumentTypeError(f"{text!r} is not an angle of 10 to 170 degrees")
    return degrees


class _LineFormatter(logging.Formatter):
    """One line, whatever is told, or more with a traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # a line break would forge a line
        """The line, without the traceback, which keeps its own."""
        return printable(super().formatMessage(record))


class _JournalFormatter(_LineFormatter):
    """The journal has its own clock and reads a priority in front of each line; a terminal has neither."""

    _PRIORITIES: ClassVar = {"DEBUG": 7, "INFO": 6, "WARNING": 4}

    def format(self, record: logging.LogRecord) -> str:
        """One line, or more with a traceback."""
        return f"<{self._PRIORITIES.get(record.levelname, 3)}>{super().format(record)}"


def _start_logging(debug: bool, service: bool) -> None:
    """To standard error: of the service what happens, of the other commands what goes wrong."""
    handler = logging.StreamHandler()
    if service and "JOURNAL_STREAM" in os.environ:
        handler.setFormatter(_JournalFormatter("%(message)s"))
    else:
        form = "%(asctime)s %(message)s" if service else "gatereader: %(message)s"
        handler.setFormatter(_LineFormatter(form, "%H:%M:%S"))
    level = logging.DEBUG if debug else logging.INFO if service else logging.WARNING
    logging.basicConfig(level=level, handlers=[handler], force=True)
