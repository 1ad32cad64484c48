"""Currencies: the codes of ISO 4217 and how finely each divides."""

from __future__ import annotations

from crmcore.kernel.errors import Invalid, Problem

__all__ = ["MINOR_UNITS", "minor_units"]

# ISO 4217 as of 2026. Codes without a minor unit (gold, special drawing rights, "no currency") are no money.
_ACTIVE = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
        COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
        INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
        MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
        STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# History may hold these. Where sources disagree (BEF, GRD, PTE) the finer unit is taken, so that nothing is lost.
_WITHDRAWN = {
    0: "ADP BYR ESP ITL LUF MGF TRL",
    2: """
        AFA ANG ATS AZM BEF BGL BGN CSD CUC CYP DEM EEK FIM FRF GHC GRD HRK IEP LTL LVL MRO MTL MZM NLG PTE ROL RUR SDD
        SIT SKK SLL SRG STD TMM USS VEB VEF YUM ZMK ZWD ZWL ZWR
    """,
}

MINOR_UNITS: dict[str, int] = {
    code: units for table in (_ACTIVE, _WITHDRAWN) for units, codes in table.items() for code in codes.split()
}


def minor_units(currency: str) -> int:
    """How many decimals the minor unit of a currency has.

    Args:
        currency: An ISO 4217 code, active or withdrawn.

    Returns:
        The number of decimal places: 2 for EUR, 0 for JPY, 3 for KWD.

    Raises:
        Invalid: The code is unknown, or has no minor unit (XAU, XDR, XXX).

    Source:
        ISO 4217, as amended up to 2026-01-01.

    Example:
        >>> from crmcore.kernel.currency import minor_units
        >>> minor_units("EUR"), minor_units("JPY"), minor_units("KWD")
        (2, 0, 3)
    """
    units = units_of(currency)
    if units is None:
        raise Invalid([unknown(currency)])
    return units


def units_of(currency: object) -> int | None:
    """The decimals of whatever was given as a currency; None where it is none."""
    return MINOR_UNITS.get(currency) if isinstance(currency, str) else None


def unknown(currency: object, path: str = "currency") -> Problem:
    """What is wrong with a currency that is none."""
    capitals = currency.strip().upper() if isinstance(currency, str) else ""
    mend = f"write {capitals!r}" if capitals in MINOR_UNITS else "give a three-letter code in capitals, such as 'EUR'"
    return Problem(path, currency, "an ISO 4217 currency that has a minor unit", mend)
