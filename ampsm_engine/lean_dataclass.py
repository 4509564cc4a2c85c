"""The standard library's dataclasses, as far as they are used here, with their work put off until it is needed.

`dataclasses` imports `inspect` and compiles six functions a class, which is a third of the start of a short command.
Here a class costs one compilation, with its first value, and what the standard library tells of it
(`dataclasses.fields`, `is_dataclass`) is made when it is asked for. To a type checker the names of this module are
those of `dataclasses`.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

_MISSING: Any = object()
_OWN = "_lean_fields_"
_OF_THE_INSTANCE = ("__dict__", "__weakref__")


class _Field:
    """A field: its default or what makes one, whether it is a parameter, whether it is shown."""

    __slots__ = ("default", "default_factory", "init", "name", "repr", "type")

    def __init__(self, default: Any, default_factory: Any, *, init: bool, repr: bool) -> None:  # noqa: A002
        self.name = ""
        self.type: Any = None
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.repr = repr


class _StandardFields:
    """`__dataclass_fields__`, made by the standard library when it is asked for."""

    def __get__(self, instance: object, owner: Any) -> dict[str, Any]:
        import dataclasses

        described = []
        for one in getattr(owner, _OWN).values():
            how = {"init": one.init, "repr": one.repr}
            if one.default_factory is not _MISSING:
                how["default_factory"] = one.default_factory
            elif one.default is not _MISSING:
                how["default"] = one.default
            described.append((one.name, one.type, dataclasses.field(**how)))
        made: Any = dataclasses.make_dataclass(owner.__name__, described, eq=False)
        found: dict[str, Any] = made.__dataclass_fields__
        owner.__dataclass_fields__ = found
        return found


def _dataclass(cls: Any = None, /, *, frozen: bool = False, slots: bool = False, eq: bool = True) -> Any:
    """Make a dataclass as `dataclasses.dataclass` does: frozen, with slots, with its own equality, or not."""

    def made(cls: Any) -> Any:
        return _made(cls, frozen=frozen, slots=slots, eq=eq)

    return made if cls is None else made(cls)


def _field(
    *,
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
    init: bool = True,
    repr: bool = True,  # noqa: A002
) -> Any:
    """Describe a field as `dataclasses.field` does: a default or what makes one, whether it is a parameter or shown."""
    return _Field(default, default_factory, init=init, repr=repr)


def _fields(value: Any) -> Any:
    """Return the fields of a dataclass as `dataclasses.fields` does: each has a `name`."""
    own = getattr(value, _OWN, None)
    if own is None:
        import dataclasses

        return dataclasses.fields(value)
    return tuple(own.values())


def _replace(value: Any, /, **changes: Any) -> Any:
    """Return a copy of a value with some fields changed, as `dataclasses.replace` does."""
    own = getattr(type(value), _OWN, None)
    if own is None:
        import dataclasses

        return dataclasses.replace(value, **changes)
    for name, one in own.items():
        if one.init and name not in changes:
            changes[name] = getattr(value, name)
    return type(value)(**changes)


def _asdict(value: Any) -> dict[str, Any]:
    """Return the fields of a value by name, as `dataclasses.asdict` does; what cannot change is not copied."""
    return {name: _plain(getattr(value, name)) for name in getattr(type(value), _OWN)}


def _astuple(value: Any) -> tuple[Any, ...]:
    """Return the values of the fields, as `dataclasses.astuple` does where no field holds another dataclass."""
    return tuple(getattr(value, name) for name in getattr(type(value), _OWN))


def _plain(value: Any) -> Any:
    if hasattr(type(value), _OWN):
        return _asdict(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_plain, value))
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return value


def _made(cls: Any, *, frozen: bool, slots: bool, eq: bool) -> Any:
    own = _fields_of(cls)
    annotated = tuple(name for name in _annotations(cls) if name in own)
    defaults = {} if slots else {name: own[name].default for name in annotated if own[name].default is not _MISSING}
    kept = {name: member for name, member in cls.__dict__.items() if name not in (*_OF_THE_INSTANCE, *annotated)}
    members = kept | defaults | _methods(kept, own, frozen=frozen, eq=eq)
    if slots:
        cls = _with_slots(cls, members, annotated, frozen=frozen)
    else:
        _fill(cls, members, annotated)
    if "__init__" not in members:
        cls.__init__ = _late_initializer(cls, own, slots=slots, frozen=frozen)
    return cls


def _methods(kept: dict[str, Any], own: dict[str, _Field], *, frozen: bool, eq: bool) -> dict[str, Any]:
    """The methods that are added to a class."""
    made = {
        _OWN: own,
        "__dataclass_fields__": _StandardFields(),
        "__match_args__": tuple(name for name, one in own.items() if one.init),
        "__repr__": kept.get("__repr__", _shown),
    }
    if eq:
        made["__eq__"] = kept.get("__eq__") or _equality(tuple(own))
        made["__hash__"] = kept.get("__hash__") or (_hash(tuple(own)) if frozen else None)
    if frozen:
        made |= {"__setattr__": _refuse_change, "__delattr__": _refuse_deletion}
    return made


def _fill(cls: Any, members: dict[str, Any], annotated: tuple[str, ...]) -> None:
    for name in annotated:
        if name not in members and name in cls.__dict__:
            delattr(cls, name)
    for name, member in members.items():
        if cls.__dict__.get(name, _MISSING) is not member:
            setattr(cls, name, member)


def _with_slots(cls: Any, members: dict[str, Any], names: tuple[str, ...], *, frozen: bool) -> Any:
    members["__slots__"] = names
    if frozen:
        members.setdefault("__getstate__", _state)
        members.setdefault("__setstate__", _restore)
    made = type(cls)(cls.__name__, cls.__bases__, members)
    made.__qualname__ = cls.__qualname__
    return made


def _annotations(cls: Any) -> dict[str, Any]:
    """The annotations of a class itself; from Python 3.14 on they are evaluated when they are read."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return dict(get_annotations(cls, format=Format.FORWARDREF))
    return dict(cls.__annotations__)


def _fields_of(cls: Any) -> dict[str, _Field]:
    own: dict[str, _Field] = {}
    for base in cls.__mro__[-1:0:-1]:
        own |= base.__dict__.get(_OWN, {})
    for name, kind in _annotations(cls).items():
        given = cls.__dict__.get(name, _MISSING)
        one = given if type(given) is _Field else _Field(given, _MISSING, init=True, repr=True)
        if type(one.default) in (list, dict, set):
            message = f"The default of {name} can be changed: use default_factory."
            raise ValueError(message)
        one.name, one.type = name, kind
        own[name] = one
    return own


def _late_initializer(cls: Any, own: dict[str, _Field], *, slots: bool, frozen: bool) -> Callable[..., None]:
    """Makes the initializer with the first value: of most of its classes a command makes none."""

    def first(self: Any, *given: Any, **named: Any) -> None:
        cls.__init__ = _initializer(cls, own, slots=slots, frozen=frozen)
        cls.__init__(self, *given, **named)

    return first


def _initializer(cls: Any, own: dict[str, _Field], *, slots: bool, frozen: bool) -> Callable[..., None]:
    known: dict[str, Any] = {"_missing": _MISSING, "_set": object.__setattr__}
    parameters, body = [], []
    for name, one in own.items():
        value = name
        if one.default_factory is not _MISSING:
            known[f"_make_{name}"] = one.default_factory
            value = f"_make_{name}() if {name} is _missing else {name}" if one.init else f"_make_{name}()"
            parameters += [f"{name}=_missing"] if one.init else []
        elif one.default is not _MISSING:
            known[f"_default_{name}"] = one.default
            value = name if one.init else f"_default_{name}"
            parameters += [f"{name}=_default_{name}"] if one.init else []
        elif one.init:
            parameters.append(name)
        else:
            continue
        if not frozen:
            body.append(f"self.{name} = {value}")
        elif slots:  # twice as fast as looking the slot up by its name
            known[f"_set_{name}"] = getattr(cls, name).__set__
            body.append(f"_set_{name}(self, {value})")
        else:
            body.append(f"_set(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    lines = "\n ".join(body or ["pass"])
    exec(f"def __init__(self, {', '.join(parameters)}):\n {lines}", known)  # noqa: S102  # nosec: names of fields
    made: Callable[..., None] = known["__init__"]
    made.__qualname__, made.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    return made


def _equality(names: tuple[str, ...]) -> Callable[[object, object], Any]:
    def equal(self: object, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        for name in names:
            mine, others = getattr(self, name), getattr(other, name)
            if mine is not others and not mine == others:  # noqa: SIM201 - as the comparison of two tuples does
                return False
        return True

    return equal


def _hash(names: tuple[str, ...]) -> Callable[[Any], int]:
    def hashed(self: Any) -> int:
        return hash(tuple([getattr(self, name) for name in names]))

    return hashed


def _shown(self: Any) -> str:
    own = getattr(type(self), _OWN)
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name, one in own.items() if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _refuse_change(_self: object, name: str, _value: object) -> None:
    from dataclasses import FrozenInstanceError

    message = f"cannot assign to field {name!r}"
    raise FrozenInstanceError(message)


def _refuse_deletion(_self: object, name: str) -> None:
    from dataclasses import FrozenInstanceError

    message = f"cannot delete field {name!r}"
    raise FrozenInstanceError(message)


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in getattr(type(self), _OWN)]


def _restore(self: Any, state: list[Any]) -> None:
    for name, value in zip(getattr(type(self), _OWN), state, strict=True):
        object.__setattr__(self, name, value)


if TYPE_CHECKING:
    from dataclasses import asdict as asdict  # noqa: PLC0414 - handed on, as those below
    from dataclasses import astuple as astuple  # noqa: PLC0414
    from dataclasses import dataclass as dataclass  # noqa: PLC0414
    from dataclasses import field as field  # noqa: PLC0414
    from dataclasses import fields as fields  # noqa: PLC0414
    from dataclasses import replace as replace  # noqa: PLC0414
else:
    asdict, astuple, dataclass, field, fields, replace = _asdict, _astuple, _dataclass, _field, _fields, _replace
