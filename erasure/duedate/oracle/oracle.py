"""An oracle for the due dates: nothing in it comes from Lethe.

Public holidays are those of the package "holidays" (its own data and its own
Easter), in the package's own default category; dates are Python's. It writes
the due date of every receipt day from 2024 to 2030, for one month and for
three, for each member state and for the regions that Lethe keeps:

    <place> <months> <year> <one character for each day of the year>

A character says how many days the due date lies after receipt: "0" is 28 days
where the period is one month and 89 where it is three, then 1 to 9, a to z.
"""

import calendar
import datetime
import gzip
import sys

import holidays

STATES = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
REGIONS = {
    "DE": "BB BE BW BY HB HE HH MV NI NW RP SH SL SN ST TH".split(),
    "FR": "57 6AE".split(),
}
SHORTEST = {1: 28, 3: 89}
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
DAY = datetime.timedelta(days=1)


def months_later(day, months):
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return datetime.date(year, month + 1, min(day.day, last))


def due(day, months, free):
    end = months_later(day, months)
    while end.isoweekday() > 5 or end in free:
        end += DAY
    return end


def lines():
    places = [(state, None) for state in STATES]
    places += [(state, region) for state, regions in REGIONS.items() for region in regions]
    for state, region in places:
        free = holidays.country_holidays(state, subdiv=region, years=range(2024, 2032))
        for months, shortest in SHORTEST.items():
            for year in range(2024, 2031):
                day, row = datetime.date(year, 1, 1), []
                while day.year == year:
                    row.append(DIGITS[(due(day, months, free) - day).days - shortest])
                    day += DAY
                yield f"{state}{'-' + region if region else ''} {months} {year} {''.join(row)}\n"


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as out:
        out.write(f"# holidays {holidays.__version__}\n".encode())
        out.writelines(line.encode() for line in lines())
