"""Write submissions/<competition>/report.html for a finished stack or run of pairs."""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/report.py kazanexpress2023 stack")
    cli.add_finished(parser)
    cli.add_out(parser)
    args = parser.parse_args()

    from goods.core.log import say
    from goods.prepare.prepared import parts
    from goods.report.stage import write_report
    from goods.submit.copies import RESULT, is_of_another, keep_report
    from goods.submit.entries import key_of
    from goods.submit.predictor import saved_config

    ws, competition = cli.competition_of(args)
    cli.check_writable(args.out)
    spaces = [space for space, _ in parts(ws, competition)]
    path = write_report(ws, competition, saved_config(spaces[0], args.experiment), args.out)
    key, result = key_of(spaces, args.experiment), path.with_name(f"{RESULT}.parquet")
    keep_report(path, key)
    print(path)
    if is_of_another(result, key):
        say(
            f"report: {result} is of another experiment, or of an earlier training of this one; run scripts/submit.py "
            f"{args.competition} {args.experiment} to submit {args.experiment}"
        )


if __name__ == "__main__":
    cli.run(main)
