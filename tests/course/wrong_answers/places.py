"""Answers to exercise 1 of lesson 03: which places an ASPP pixel reads."""

import torch
import torch.nn.functional as F


def by_loops(row, column, height, width, rates, steps=(-1, 0, 1)):
    seen = torch.zeros(height, width, dtype=torch.bool)
    seen[row, column] = True
    for rate in rates:
        for a in steps:
            for b in steps:
                r, c = row + a * rate, column + b * rate
                if 0 <= r < height and 0 <= c < width:
                    seen[r, c] = True
    return seen


def by_convolution(row, column, height, width, rates):
    one = torch.zeros(1, 1, height, width)
    one[0, 0, row, column] = 1
    branches = [F.conv2d(one, torch.ones(1, 1, 3, 3), padding=rate, dilation=rate) for rate in rates]
    return (one + sum(branches))[0, 0] > 0


def negative_index(row, column, height, width, rates):
    seen = torch.zeros(height, width, dtype=torch.bool)
    for rate in rates:
        for r in (row - rate, row, row + rate):
            for c in (column - rate, column, column + rate):
                seen[r, c] = True
    return seen


def clamped(row, column, height, width, rates):
    seen = torch.zeros(height, width, dtype=torch.bool)
    for rate in rates:
        rows = torch.tensor([row - rate, row, row + rate]).clamp(0, height - 1)
        columns = torch.tensor([column - rate, column, column + rate]).clamp(0, width - 1)
        seen[rows[:, None], columns] = True
    return seen


def from_1(row, column, height, width, rates):
    seen = by_loops(row, column, height, width, rates)
    seen[0], seen[:, 0] = False, False
    return seen


def only_lower_bound(row, column, height, width, rates):
    seen = torch.zeros(height, width, dtype=torch.bool)
    for rate in rates:
        for r in (row - rate, row, row + rate):
            for c in (column - rate, column, column + rate):
                if r >= 0 and c >= 0:
                    seen[r, c] = True
    return seen


def rates_mixed(row, column, height, width, rates, together=False):
    seen = torch.zeros(height, width, dtype=torch.bool)
    steps = [0, *rates, *[-rate for rate in rates]]
    pairs = [(a, b) for a in steps for b in steps]
    if together:
        pairs = [(a * rates[0], b * rates[-1]) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    for a, b in pairs:
        if 0 <= row + a < height and 0 <= column + b < width:
            seen[row + a, column + b] = True
    return seen


def filled(row, column, height, width, rates):
    reach = max(rates)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return ((rows - row).abs() <= reach) & ((columns - column).abs() <= reach)


def without_corners(row, column, height, width, rates):
    seen = torch.zeros(height, width, dtype=torch.bool)
    for rate in (0, *rates):
        for r, c in ((row - rate, column), (row + rate, column), (row, column - rate), (row, column + rate)):
            if 0 <= r < height and 0 <= c < width:
                seen[r, c] = True
    return seen


def without_itself(row, column, height, width, rates):
    seen = by_loops(row, column, height, width, rates)
    seen[row, column] = False
    return seen
