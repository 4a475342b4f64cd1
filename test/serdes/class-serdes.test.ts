import * as official from "@aws/durable-execution-sdk-js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createClassSerdes, createClassSerdesWithDates } from "../../src/serdes/class-serdes.ts";
import { exploring } from "../support/exploration.ts";

const context = { entityId: "1", durableExecutionArn: "arn:aws:lambda:eu-west-1:123456789012:function:f" };

class Article {
  title = "";
  words = 0;
  createdAt: Date | null | undefined = new Date(0);
  metadata: { publishedAt?: Date | null; by?: { on?: Date } } | null = { publishedAt: new Date(1) };
  revisions: { date: Date | string }[] = [];
  summary() {
    return `${this.title} (${this.words})`;
  }
}

class Account {
  #balance = 0;
  readonly opened: string = "never";
  get balance() {
    return this.#balance;
  }
  set balance(value: number) {
    this.#balance = value;
  }
  toJSON() {
    return { balance: this.#balance, opened: this.opened };
  }
}

async function outcome(act: () => Promise<unknown>): Promise<unknown> {
  try {
    return await act();
  } catch (error) {
    return { threw: (error as Error).name };
  }
}

describe("a class serdes", () => {
  test("gives an instance back, with its methods", async () => {
    const serdes = createClassSerdes(Article);
    const article = Object.assign(new Article(), { title: "Ports", words: 3 });
    const payload = await serdes.serialize(article, context);
    const read = await serdes.deserialize(payload, context);
    expect(read).toBeInstanceOf(Article);
    expect(read?.summary()).toBe("Ports (3)");
  });

  test("keeps what the constructor sets where the record has nothing", async () => {
    const read = await createClassSerdes(Article).deserialize('{"words":7}', context);
    expect(read).toMatchObject({ title: "", words: 7, createdAt: new Date(0) });
  });

  test("assigns through setters", async () => {
    const serdes = createClassSerdes(Account);
    const account = new Account();
    account.balance = 12;
    const read = await serdes.deserialize(await serdes.serialize(account, context), context);
    expect(read?.balance).toBe(12);
  });

  test("has no payload for undefined", async () => {
    expect(await createClassSerdes(Article).serialize(undefined, context)).toBeUndefined();
    expect(await createClassSerdes(Article).deserialize(undefined, context)).toBeUndefined();
  });

  test("keeps the class when the record names a prototype", async () => {
    const read = await createClassSerdes(Article).deserialize('{"__proto__":{"summary":1},"words":2}', context);
    expect(read).toBeInstanceOf(Article);
    expect(read?.summary()).toBe(" (2)");
  });
});

describe("a class serdes with dates", () => {
  test("makes dates at the top, inside members and in arrays", async () => {
    const serdes = createClassSerdesWithDates(Article, ["createdAt", "metadata.publishedAt", "revisions.0.date"]);
    const at = new Date("2026-03-01T12:00:00.000Z");
    const article = new Article();
    article.createdAt = at;
    article.metadata = { publishedAt: at };
    article.revisions = [{ date: at }, { date: at }];
    const read = await serdes.deserialize(await serdes.serialize(article, context), context);
    expect(read).toBeInstanceOf(Article);
    expect(read?.createdAt).toEqual(at);
    expect(read?.metadata?.publishedAt).toEqual(at);
    expect(read?.revisions).toEqual([{ date: at }, { date: at.toISOString() }]);
  });

  test("leaves alone what is missing or null", async () => {
    const serdes = createClassSerdesWithDates(Article, ["createdAt", "metadata.publishedAt", "metadata.by.on"]);
    const read = await serdes.deserialize('{"createdAt":null,"metadata":null}', context);
    expect(read).toMatchObject({ createdAt: null, metadata: null });
  });

  test("does not take another member for one whose holder is missing", async () => {
    const serdes = createClassSerdesWithDates(Article, ["metadata.by.title", "metadata.words", "revisions.0.at"]);
    const read = await serdes.deserialize('{"title":"t","words":9,"metadata":null}', context);
    expect(read).toMatchObject({ title: "t", words: 9, metadata: null, revisions: [] });
    expect(read?.revisions.at).toBe(Array.prototype.at);
  });

  test("does not reach what all instances share", async () => {
    const serdes = createClassSerdesWithDates(Article, ["__proto__.summary", "constructor.name", "summary"]);
    const read = await serdes.deserialize('{"title":"t"}', context);
    expect(read?.summary()).toBe("t (0)");
    expect(new Article().summary()).toBe(" (0)");
    expect(Article.name).toBe("Article");
  });
});

describe("compared with the official serdes", () => {
  test.each([
    undefined,
    "",
    "null",
    "5",
    "true",
    '"text"',
    "[1,2]",
    "{}",
    "{bad",
    '{"createdAt":0}',
    '{"createdAt":""}',
    '{"createdAt":1577836800000,"extra":1}',
    '{"createdAt":"nonsense"}',
    '{"createdAt":[2020]}',
    '{"createdAt":{"a":1}}',
    '{"metadata":"text"}',
    '{"metadata":{}}',
    '{"metadata":{"publishedAt":"2020-01-01","by":{"on":"2021-01-01"}}}',
    '{"revisions":[{"date":"2020-01-01"},{"date":""}]}',
    '{"summary":"shadowed"}',
  ])("reads %s the same", async (payload) => {
    const dates = [
      "createdAt",
      "metadata.publishedAt",
      "metadata.by.on",
      "revisions.0.date",
      "revisions.length",
      "x.y",
    ];
    const [ours, theirs] = [createClassSerdes(Article), official.createClassSerdes(Article)];
    expect(await outcome(() => ours.deserialize(payload, context))).toStrictEqual(
      await outcome(() => theirs.deserialize(payload, context)),
    );
    const [oursDated, theirsDated] = [
      createClassSerdesWithDates(Article, dates),
      official.createClassSerdesWithDates(Article, dates),
    ];
    expect(await outcome(() => oursDated.deserialize(payload, context))).toStrictEqual(
      await outcome(() => theirsDated.deserialize(payload, context)),
    );
  });

  test("writes and reads arbitrary members the same", async () => {
    // Names differ from level to level: where a holder is missing, the official serdes goes on with the member of
    // that name one level up.
    const leaf = fc.constantFrom(null, true, 0, 5, "", "2020-01-01", "text", [], [2020]);
    const level = (names: string[], inside: fc.Arbitrary<unknown>) =>
      fc.dictionary(fc.constantFrom(...names), fc.oneof(leaf, inside), { maxKeys: 3, noNullPrototype: true });
    const value = level(["title", "createdAt", ""], level(["publishedAt", "0"], level(["on", "1"], leaf)));
    const path = fc
      .tuple(
        fc.constantFrom("title", "createdAt", "", "missing"),
        fc.constantFrom("publishedAt", "0"),
        fc.constantFrom("on", "1"),
        fc.integer({ min: 1, max: 3 }),
      )
      .map(([first, second, third, depth]) => [first, second, third].slice(0, depth).join("."));
    await fc.assert(
      fc.asyncProperty(value, fc.array(path, { maxLength: 3 }), async (members, dates) => {
        const ours = createClassSerdesWithDates(Article, dates);
        const theirs = official.createClassSerdesWithDates(Article, dates);
        const article = Object.assign(new Article(), members);
        const payload = await ours.serialize(article, context);
        expect(payload).toBe(await theirs.serialize(article, context));
        expect(await ours.deserialize(payload, context)).toStrictEqual(await theirs.deserialize(payload, context));
      }),
      exploring(500),
    );
  });
});
