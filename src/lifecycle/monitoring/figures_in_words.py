"""Figures as the monitor's page writes them: few digits, the interval beside the value."""

from lifecycle.monitoring.performance import Figure


def percent(share: float) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> percent(0.624), percent(0.0012), percent(0)
    ('62 %', '0.12 %', '0 %')
    """
    size = 100 * share
    return f"{size:,.0f} %" if size >= 9.95 or size == 0 else f"{size:.2g} %"


def short(value: float) -> str:
    """Return a number with four digits at most, and all digits before the point.

    Examples
    --------
    >>> short(7001.37), short(0.74404), short(55.0), short(0.00206816)
    ('7,001', '0.744', '55', '0.00207')
    """
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"


def with_ends(figure: Figure) -> str:
    """Return a figure with its interval, or that it is not known yet.

    Examples
    --------
    >>> with_ends(Figure(763.8, 617.5, 948.1)), with_ends(Figure(None, None, None))
    ('763.8 (617.5 to 948.1)', 'not known yet')
    """
    if figure.value is None:
        return "not known yet"
    if figure.low is None or figure.high is None:
        return short(figure.value)
    return f"{short(figure.value)} ({short(figure.low)} to {short(figure.high)})"


def count_of(number: int, noun: str) -> str:
    """Return a number and its noun.

    Examples
    --------
    >>> count_of(1, "day"), count_of(1200, "day")
    ('1 day', '1,200 days')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
