import { describe, expect, it } from "vitest";
import { sseParser } from "~/api/sse";

const parse = (...pieces: string[]) => {
  const parser = sseParser();
  return pieces.flatMap((piece) => parser.push(piece));
};

describe("reads", () => {
  it.each([
    ["one event", ["data: a\n\n"], [{ event: "message", data: "a", id: "" }]],
    ["name and id", ["id: 7\nevent: delta\ndata: {}\n\n"], [{ event: "delta", data: "{}", id: "7" }]],
    ["several lines of data", ["data: a\ndata:b\ndata:  c\n\n"], [{ event: "message", data: "a\nb\n c", id: "" }]],
    ["CRLF", ["data: a\r\n\r\n"], [{ event: "message", data: "a", id: "" }]],
    [
      "CR alone",
      ["data: a\r\rdata: b\r\r\n"],
      [
        { event: "message", data: "a", id: "" },
        { event: "message", data: "b", id: "" },
      ],
    ],
    ["CRLF cut in two", ["data: a\r", "\ndata: b\r\n\r\n"], [{ event: "message", data: "a\nb", id: "" }]],
    ["an event in many pieces", ["da", "ta: ", "a", "\n", "\n"], [{ event: "message", data: "a", id: "" }]],
    ["comments as silence", [": still here\n\n", "data: a\n\n"], [{ event: "message", data: "a", id: "" }]],
    [
      "an id that stays",
      ["id: 1\ndata: a\n\ndata: b\n\n"],
      [
        { event: "message", data: "a", id: "1" },
        { event: "message", data: "b", id: "1" },
      ],
    ],
    ["empty data", ["data\n\n"], [{ event: "message", data: "", id: "" }]],
    ["no data, no event", ["event: x\n\n"], []],
    ["a byte order mark", ["\uFEFFdata: a\n\n"], [{ event: "message", data: "a", id: "" }]],
    ["not what is unfinished", ["data: a\n"], []],
  ])("%s", (_, pieces, expected) => {
    expect(parse(...pieces)).toEqual(expected);
  });
});

it("remembers how long to wait before a retry", () => {
  const parser = sseParser();
  parser.push("retry: 1500\n\nretry: soon\n\n");
  expect(parser.retry).toBe(1500);
});
