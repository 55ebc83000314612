"""The faults: what can be turned round in a module's syntax tree, one place at a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_TURNED = (ast.Compare, ast.BoolOp)  # conditions that have mutants of their own
_LOGS = "log"


class Mutant(NamedTuple):
    """One fault: its place among those of its module, the line that it is in, and what is turned into what."""

    number: int
    line: int
    text: str  # the line, without indentation
    what: str


class _Turner(ast.NodeTransformer):  # its methods have the names that ast calls
    """Counts the faults that are possible, and makes the one with the number ``wanted``."""

    def __init__(self, source: str, wanted: int | None = None) -> None:
        self._lines, self._wanted = source.splitlines(), wanted
        self.found: list[Mutant] = []

    def _turn(self, node: ast.AST, what: str) -> bool:
        """Note a possible fault, and tell whether it is the wanted one."""
        line = getattr(node, "lineno", 0)
        number = len(self.found)
        self.found.append(Mutant(number, line, self._lines[line - 1].strip() if line else "", what))
        return number == self._wanted

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        for place, operator in enumerate(node.ops):
            other = _COMPARISONS[type(operator)]
            if self._turn(node, f"{_word(operator)} -> {_word(other())}"):
                node.ops[place] = other()
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        if self._turn(node, f"{_word(node.op)} -> {_word(other)}"):
            node.op = other
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        other = _ARITHMETIC.get(type(node.op))
        if other is not None and self._turn(node, f"{_word(node.op)} -> {_word(other())}"):
            node.op = other()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and self._turn(node, "without not"):
            return node.operand
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool):
            if self._turn(node, f"{node.value} -> {not node.value}"):
                return ast.copy_location(ast.Constant(not node.value), node)
        elif isinstance(node.value, (int, float)) and self._turn(node, f"{node.value} -> {node.value + 1}"):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node  # what a text says is not decided by

    def visit_If(self, node: ast.If) -> ast.AST:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node
        self.generic_visit(node)
        node.test = self._turned(node.test)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        node.test = self._turned(node.test)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs = [self._turned(test) for test in node.ifs]
        return node

    def _turned(self, test: ast.expr) -> ast.expr:
        """Turn a condition round that has no mutant of its own."""
        if isinstance(test, _TURNED) or (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            return test
        if self._turn(test, "the condition is turned round"):
            return ast.copy_location(ast.UnaryOp(ast.Not(), test), test)
        return test

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        worth = node.value is not None and not (isinstance(node.value, ast.Constant))
        if worth and self._turn(node, "returns None"):
            return ast.copy_location(ast.Return(ast.Constant(None)), node)
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.copy_location(ast.Pass(), node) if self._turn(node, "is not raised") else node

    def visit_Continue(self, node: ast.Continue) -> ast.AST:
        return ast.copy_location(ast.Break(), node) if self._turn(node, "continue -> break") else node

    def visit_Break(self, node: ast.Break) -> ast.AST:
        return ast.copy_location(ast.Continue(), node) if self._turn(node, "break -> continue") else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(ast.Pass(), node) if self._turn(node, "is left out") else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if not isinstance(node.value, (ast.Call, ast.YieldFrom, ast.Yield)) or _is_log(node.value):
            return node  # docstrings; what the log says is not decided by
        self.generic_visit(node)
        return ast.copy_location(ast.Pass(), node) if self._turn(node, "is left out") else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = list(self._visited(node.body))  # neither annotations nor decorators
        node.args.defaults = [self.visit(default) for default in node.args.defaults]
        return node

    def _visited(self, body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for statement in body:
            yield self.visit(statement)


def mutants(source: str) -> list[Mutant]:
    """Return every fault that a module can have."""
    turner = _Turner(source)
    turner.visit(ast.parse(source))
    return turner.found


def mutated(source: str, number: int) -> ast.Module:
    """Return the module with one fault."""
    tree = _Turner(source, number).visit(ast.parse(source))
    assert isinstance(tree, ast.Module)
    return ast.fix_missing_locations(tree)


def _word(operator: ast.AST) -> str:
    return type(operator).__name__


def _is_log(call: ast.expr) -> bool:
    """Tell whether a statement only writes to the log."""
    called = call.func if isinstance(call, ast.Call) else None
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == _LOGS
