#!/usr/bin/env python3
"""Writes sdk/upload/field_numbers.h from the .proto files, so that the SDK's own wire writer can never use a number that
the schema does not have.

usage: make_field_numbers.py > sdk/upload/field_numbers.h

The header is checked in because a game's build has no protobuf compiler; the unit test of sdk/upload runs this script
and compares.
"""
import pathlib
import re

FILES = ("whydrop/v1/batch.proto", "whydrop/v1/report.proto")
FIELD = re.compile(r"^(?:optional |repeated )?([\w.]+) (\w+) = (\d+);$")


def messages(text):
    """Yields (message name, [(type, field name, number)]); enumerations inside a message are passed over."""
    stack, fields = [], []
    for line in text.splitlines():
        line = line.split("//")[0].strip()
        opened = re.match(r"^(message|enum) (\w+) \{$", line)
        if opened:
            stack.append(opened.group(2) if opened.group(1) == "message" else None)
            if len(stack) == 1:
                fields = []
        elif line == "}":
            name = stack.pop()
            if not stack and name:
                yield name, fields
        elif stack and stack[-1]:
            field = FIELD.match(line)
            if field:
                fields.append((field.group(1), field.group(2), int(field.group(3))))


def camel(name):
    return "k" + "".join(word.capitalize() for word in name.split("_"))


def main():
    root = pathlib.Path(__file__).resolve().parent
    print("// Field numbers of whydrop.v1, made from the .proto files by proto/make_field_numbers.py. Do not edit.")
    print("#ifndef WHYDROP_UPLOAD_FIELD_NUMBERS_H\n#define WHYDROP_UPLOAD_FIELD_NUMBERS_H\n\n#include <cstdint>\n")
    print("namespace whydrop::fields {")
    for path in FILES:
        for name, fields in messages((root / path).read_text(encoding="utf-8")):
            space = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
            print(f"\nnamespace {space} {{")
            for _, field, number in fields:
                print(f"inline constexpr uint32_t {camel(field)} = {number};")
            if name == "Evidence":
                mask = sum(1 << number for kind, _, number in fields if kind == "bool")
                print("// Bit n is set when field n is a bool, which the wire knows as 0 or 1 only.")
                print(f"inline constexpr uint64_t kBoolFields = 0x{mask:016x}u;")
            print(f"}}  // namespace {space}")
    print("\n}  // namespace whydrop::fields\n\n#endif")


if __name__ == "__main__":
    main()
