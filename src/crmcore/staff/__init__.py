"""Staff: the people who work here."""

from crmcore.staff.staff_member import Staff, StaffDesk

__all__ = ["Staff", "StaffDesk"]
