"""The columns of the tables: every text passes one of these on its way in, so that no caller can forget to clean it.

Whoever writes text by people, by amp or by programs uses one that redacts.
"""

import json
import os
from typing import Any

from peewee import Field, IntegerField, Model, TextField

from ampsm_engine.model import camel
from ampsm_engine.store.statements import array, clean, redacted


class CamelColumn(Field):
    """A field whose column has its name in camel case: `base_branch` is `baseBranch`."""

    def bind(self, model: type[Model], name: str, set_attribute: bool = True) -> None:
        """Take the place of the model's attribute of that name."""
        self.column_name = camel(name)
        super().bind(model, name, set_attribute)


class Count(CamelColumn, IntegerField):
    """A whole number in a column of that kind."""


class Plain(CamelColumn, TextField):
    """Text that must come back as it went in: ids, paths, branches, commits, states, times."""

    def db_value(self, value: object) -> str | None:
        """The text as it is stored."""
        return None if value is None else clean(value)


class RedactedText(CamelColumn, TextField):
    """Text by people, by amp or by programs: secrets are taken out before it is stored."""

    def db_value(self, value: object) -> str | None:
        """The text as it is stored."""
        return None if value is None else redacted(value)


class RedactedJson(CamelColumn, TextField):
    """JSON whose texts are by people: secrets are taken out of each before it is stored, and it stays JSON."""

    def db_value(self, value: object) -> str | None:
        """The JSON as it is stored."""
        return None if value is None else json.dumps(_redacted(json.loads(str(value))), ensure_ascii=False)


class Tags(CamelColumn, TextField):
    """Words by people as a JSON array: secrets are taken out of each."""

    def db_value(self, value: "tuple[str, ...]") -> str:
        """The words as they are stored."""
        return array(value)


def _redacted(value: Any) -> Any:
    """A value of JSON with its texts redacted."""
    if isinstance(value, dict):
        return {key: _redacted(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_redacted(part) for part in value]
    return redacted(value) if isinstance(value, str) else value


class FileName(CamelColumn, TextField):
    """A path inside a repository; one that is no UTF-8 is kept as `/` and its bytes in hex: no such path begins so."""

    def db_value(self, value: object) -> str | None:
        """The text as it is stored."""
        if value is None:
            return None
        name = str(value)
        return f"/{os.fsencode(name).hex()}" if any("\ud800" <= letter <= "\udfff" for letter in name) else name
