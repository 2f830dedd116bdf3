"""Heirs: which tests of a file a class has from another."""

import ast

from benchmarks.judge.inherited_tests import heirs_of

FILE = """
class TestA(Base, object):
    def test_f(self): ...
    def test_g(self): ...
    def helper(self): ...


class TestB(TestA):
    def test_g(self): ...


class TestC(Mixin, TestB):
    pass


class Mixin:
    test_f = None
    def test_h(self): ...


class Attempt(Attempt):
    def test_i(self): ...
"""


def test_a_class_has_the_tests_of_its_bases_but_those_that_it_or_a_nearer_one_has_itself() -> None:
    assert heirs_of(ast.parse(FILE)) == {
        "TestA::test_f": ("TestB::test_f",),
        "Mixin::test_f": ("TestC::test_f",),
        "Mixin::test_h": ("TestC::test_h",),
        "TestB::test_g": ("TestC::test_g",),
    }
