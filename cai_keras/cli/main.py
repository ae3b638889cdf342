"""The `cai` command. Nothing here imports TensorFlow before a verb needs it."""

import logging
import os
import sys
import traceback

import typer

from cai_keras.cli import (
    bench,
    compare,
    data,
    evaluate,
    figure,
    foreign,
    inspect,
    launch,
    paper_commands,
    report,
    sample,
    scaffold,
    stylize,
    tensorboard,
    train,
    verify,
)
from cai_keras.cli.lifeline import end_with_parent
from cai_keras.errors import CaiError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Reproduce the papers of 'CreativeAI: Deep Learning for Graphics, Image "
    "Domains' in Keras, and compare: paper against ours.",
    epilog="Exit codes: 0 done, 1 a run failed, 2 wrong usage, 3 a gate said no. "
    "--debug, anywhere, shows tracebacks.",
)
app.command("list")(inspect.list_papers)
app.command("show")(inspect.show)
app.command("params")(inspect.params)
app.command("train")(train.train)
app.command("launch", context_settings=launch.CONTEXT)(launch.launch)
app.command("evaluate")(evaluate.evaluate)
app.command("figure")(figure.figure)
app.command("stylize")(stylize.stylize)
app.command("sample")(sample.sample)
app.command("report")(report.report)
app.command("import")(foreign.import_results)
app.command("compare")(compare.compare)
app.command("verify")(verify.verify)
app.add_typer(data.app, name="data")
app.add_typer(bench.app, name="bench")
app.command("tensorboard")(tensorboard.tensorboard)
app.command("new")(scaffold.new)

# click's UsageError; recent versions of Typer carry their own copy of click.
_WrongArgumentsError = typer.BadParameter.__base__


def main() -> None:
    """Runs the command line; every error that a user can mend is one or two lines."""
    end_with_parent()
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    if not debug:
        # TensorFlow's start-up notes would hide ours; its errors reach us as Python
        # exceptions too.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        # Every run compiles its own step: TensorFlow takes that for repeated tracing.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        logging.getLogger("absl").setLevel(logging.ERROR)
    notes = logging.getLogger("cai_keras")
    notes.handlers = [logging.StreamHandler()]  # standard error: output may be JSON
    notes.setLevel(logging.DEBUG if debug else logging.INFO)
    notes.propagate = False  # absl hangs a handler of its own on the root
    try:
        paper_commands.add_to(app, arguments)
        command = typer.main.get_command(app)
        # Not `app(arguments)`: Typer draws a box of five lines around an error, and
        # has exit codes of its own for Ctrl-C and for a closed pipe.
        with command.make_context("cai", arguments) as context:
            command.invoke(context)
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except _WrongArgumentsError as error:
        if debug:
            traceback.print_exc()
        _fail_with_hint(error)
    except CaiError as error:
        if debug:
            traceback.print_exc()
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", 1)
    except BrokenPipeError:
        # `cai report | head`: the reader has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if debug:
            raise
        text = (str(error) or "no message").splitlines()[0]
        kind = type(error).__name__
        _fail(f"unexpected {kind}: {text} (--debug shows the traceback)", 1)


def _fail_with_hint(error) -> None:
    """A wrong option or argument: one line, and where to read more."""
    message = " ".join(error.format_message().split())
    if not message:  # `cai` alone: the help is printed already
        sys.exit(error.exit_code)
    place = error.ctx.command_path if error.ctx else "cai"
    _fail(f"{message} (see {place} --help)", error.exit_code)


def _fail(message: str, code: int) -> None:
    print(f"cai: error: {message}", file=sys.stderr)
    sys.exit(code)
