"""Where a module can be mutated, and how: one small change of one expression or statement, as text."""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass

__all__ = ["Place", "places_of", "sample"]

_COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPUTED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitXor: ast.BitAnd,
}
_CALLED = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
    "argmin": "argmax",
    "argmax": "argmin",
    "ones": "zeros",
    "zeros": "ones",
}


@dataclass(frozen=True)
class Place:
    """One mutation.

    Attributes
    ----------
    start, end : (line from 1, character)
        The text that is replaced.
    text : str
        What it is replaced by.
    what : str
        The kind of mutation, such as "comparison".
    lines : (first, last)
        Lines of the statement (of a compound one: of its head), which a test must run.
    within : str
        Name of the function or class, "" at module level.
    names : tuple of str
        For what is computed at import: the names whose readers depend on it; ("",) means the whole module.
    """

    start: tuple[int, int]
    end: tuple[int, int]
    text: str
    what: str
    lines: tuple[int, int]
    within: str
    names: tuple[str, ...]

    def applied(self, source: str) -> str:
        """Return the source with this mutation."""
        lines = source.splitlines(keepends=True)
        (first, left), (last, right) = self.start, self.end
        lines[first - 1 : last] = [lines[first - 1][:left] + self.text + lines[last - 1][right:]]
        return "".join(lines)


class _Finder(ast.NodeVisitor):
    def __init__(self, source: str) -> None:
        self.lines = source.splitlines(keepends=True)
        self.found: list[Place] = []
        self.stack: list[str] = []  # functions and classes around
        self.functions = 0  # how many of them are functions: code outside of all runs at import
        self.names: tuple[str, ...] = ("",)
        self.span = (1, 1)
        self.docstrings: set[ast.Expr] = set()

    # -- which statement

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            before = self.span, self.names
            body = getattr(node, "body", None)
            last = node.end_lineno if not body else max(node.lineno, body[0].lineno - 1)
            self.span = node.lineno, last
            if not self.functions and isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self.names = tuple(n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)) or (
                    "",
                )
            self._statement(node)
            super().visit(node)
            self.span, self.names = before
        else:
            super().visit(node)

    def _scope(self, node: ast.AST, function: bool) -> None:
        text = node.body[0] if node.body else None
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            self.docstrings.add(text)
        if function:  # defaults and decorators belong to the scope around
            before, self.names = self.names, (node.name,) if not self.functions else ()
            for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
                self.visit(default)
            self.names = before
        self.stack.append(node.name)
        self.functions += function
        for each in node.body:
            self.visit(each)
        self.functions -= function
        self.stack.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name != "__repr__":
            self._scope(node, True)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._scope(node, False)

    def visit_Module(self, node: ast.Module) -> None:
        if node.body and isinstance(node.body[0], ast.Expr):
            self.docstrings.add(node.body[0])
        self.generic_visit(node)

    # -- what is left alone: words for people, types, imports

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None: ...
    def visit_Import(self, node: ast.Import) -> None: ...
    def visit_ImportFrom(self, node: ast.ImportFrom) -> None: ...

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not any(isinstance(t, ast.Name) and t.id in ("__all__", "log") for t in node.targets):
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._replace(node, "pass", "no error")

    # -- mutations

    def _add(self, start: tuple[int, int], end: tuple[int, int], text: str, what: str) -> None:
        names = self.names if not self.functions else ()
        self.found.append(
            Place(start, end, text, what, self.span, self.stack[0] if self.stack else "", names)
        )

    def _replace(self, node: ast.AST, text: str, what: str) -> None:
        # ast counts bytes, text is cut by characters
        left, right = (
            len(self.lines[line - 1].encode()[:at].decode())
            for line, at in ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
        )
        self._add((node.lineno, left), (node.end_lineno, right), text, what)

    def _swap(self, node: ast.AST, field: str, new: object, what: str) -> None:
        old = getattr(node, field)
        setattr(node, field, new)
        self._replace(node, f"({ast.unparse(node)})", what)
        setattr(node, field, old)

    def _statement(self, node: ast.stmt) -> None:
        if node in self.docstrings:
            return
        if isinstance(node, ast.Return) and not _is_falsy(node.value):
            self._replace(node, "return None", "returned value")
        elif (
            isinstance(node, ast.AugAssign)
            or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
            or isinstance(node, ast.Assign)
            and all(isinstance(t, (ast.Subscript, ast.Attribute)) for t in node.targets)
        ):
            self._replace(node, "pass", "deleted statement")
        elif isinstance(node, ast.Continue):
            self._replace(node, "break", "loop")
        elif isinstance(node, ast.Break):
            self._replace(node, "continue", "loop")
        if isinstance(node, (ast.If, ast.While)):
            self._negated(node.test)

    def _negated(self, test: ast.expr) -> None:
        if not (
            isinstance(test, ast.Compare) or (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not))
        ):
            self._replace(test, f"(not ({ast.unparse(test)}))", "condition")

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negated(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for each in node.ifs:
            self._negated(each)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for at, operator in enumerate(node.ops):
            new = [*node.ops]
            new[at] = _COMPARED[type(operator)]()
            self._swap(node, "ops", new, "comparison")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        words = any(_is_words(side) for side in (node.left, node.right))
        if type(node.op) in _COMPUTED and not words:
            self._swap(node, "op", _COMPUTED[type(node.op)](), "arithmetic")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if type(node.op) in _COMPUTED and not _is_words(node.value):
            self._swap_statement(node, _COMPUTED[type(node.op)]())
        self.visit(node.value)

    def _swap_statement(self, node: ast.AugAssign, new: ast.operator) -> None:
        old, node.op = node.op, new
        self._replace(node, ast.unparse(node), "arithmetic")
        node.op = old

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._swap(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And(), "and, or")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        self._replace(node, f"({ast.unparse(node.operand)})", "sign or negation")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._replace(node, str(not value), "constant")
        elif isinstance(value, int):
            self._replace(node, str(value + 1), "constant")
            if value > 1:
                self._replace(node, str(value - 1), "constant")
        elif isinstance(value, float):
            self._replace(node, repr(value * 2 if value else 1.0), "constant")
            if value:
                self._replace(node, repr(value / 2), "constant")

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func
        if (
            isinstance(name, ast.Attribute)
            and isinstance(name.value, ast.Name)
            and name.value.id in ("log", "warnings")
        ):
            return
        if isinstance(name, ast.Attribute) and name.attr in _CALLED:
            self._swap(name, "attr", _CALLED[name.attr], "function")
        elif isinstance(name, ast.Name) and name.id in _CALLED:
            self._swap(name, "id", _CALLED[name.id], "function")
        elif isinstance(name, ast.Name) and name.id == "sorted" and node.args:
            self._replace(node, f"list({ast.unparse(node.args[0])})", "order")
        self.generic_visit(node)


def _is_falsy(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and not node.value)


def _is_words(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
    )


def places_of(source: str) -> list[Place]:
    """Return every mutation of a module, in the order of its text."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    return sorted(set(finder.found), key=lambda place: (place.start, place.end, place.text))


def sample(places: list[Place], n: int, seed: object) -> list[Place]:
    """Return n places, drawn function by function in turn so that none is left out.

    At most one of a piece of text.
    """
    drawn = random.Random(str(seed))
    groups: dict[str, list[Place]] = {}
    for place in places:
        groups.setdefault(place.within, []).append(place)
    queues = [drawn.sample(group, len(group)) for group in groups.values()]
    drawn.shuffle(queues)
    chosen: dict[tuple, Place] = {}
    while len(chosen) < n and any(queues):
        for queue in filter(None, queues):
            place = queue.pop()
            if len(chosen) < n:
                chosen.setdefault((place.start, place.end), place)
    return sorted(chosen.values(), key=lambda place: (place.start, place.end))
