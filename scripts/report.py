"""Write submissions/<competition>/report.html for a finished stack or run of pairs."""

from goods import cli
from goods.report.stage import write_report
from goods.submit.prediction import saved_config


def main() -> None:
    parser = cli.parser(__doc__)
    cli.add_finished(parser)
    args = parser.parse_args()
    ws, competition = cli.competition_of(args)
    cli.check_writable(args.out)
    print(write_report(ws, competition, saved_config(ws, args.experiment), args.out))


if __name__ == "__main__":
    cli.run(main)
