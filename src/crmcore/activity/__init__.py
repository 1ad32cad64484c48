"""Activity: what is said and done around records: touchpoints, notes and tags."""

from crmcore.activity.note import Note, NoteDesk
from crmcore.activity.tag import Tag
from crmcore.activity.tag_desk import TagDesk
from crmcore.activity.touchpoint import Touchpoint, TouchpointDesk

__all__ = ["Note", "NoteDesk", "Tag", "TagDesk", "Touchpoint", "TouchpointDesk"]
