import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";

/**
 * Payloads as releases have written them. None may ever be changed or removed: executions that wrote them go on.
 * Add new ones when the format gets new words.
 */
const rows = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, name: `item-${id}`, ok: id % 3 === 0 }));

const GOLDEN: [what: string, payload: string, value: unknown][] = [
  ["JSON", '{"a":[1,"~1z",null]}', { a: [1, "~1z", null] }],
  [
    "a table",
    '~1t[1,["id","name","ok"],[0,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15],[0,"item-0","item-1","item-2","item-3","item-4","item-5","item-6","item-7","item-8","item-9","item-10","item-11","item-12","item-13","item-14","item-15"],[0,true,false,false,true,false,false,true,false,false,true,false,false,true,false,false,true]]',
    rows(16),
  ],
  ["JSON, deflated", "~1dU8rJL0rNVcgsKC7NVRhlj4bDUE8DSgA", "lorem ipsum ".repeat(60)],
  ["JSON, with zstd", "~1zKLUv_WByFrUAAHAibG9yZW0gaXBzdW0gIgEAYfe-fAE", "lorem ipsum ".repeat(500)],
  [
    "a table, deflated",
    "~1D7dJLSgQxFIXhHriSjH8h91VVWUvTA8EWRLsFbfcvqDm1AKdOwiGD811yc707HI7GsT0_Ntr14XJutLeXduLY6RhOkBQLKxsD65hhjgWWWGELtmIbNvCOG-544IkXvuArvuGD6IQRTgSRRBELsRIbMchOGulkkEkWuZAruZGD6pRRTgWVVFELtVIbNb6nbc-38-W-t99gM_gMMUPOUDMsM6wzbDMMFe7V6jaVm9pN9aZ-E2ASTITJcBm-zy_DZbgMl-EyXIbLcBkhI2TE_kgyQkbICBkhI2SEjJSRMlJG7puQkTJSRspIGSmjZJSMklEyal-3jJJRMkpGjZ__f3v_PPP08Poxz_-Lv77H6fQF",
    rows(60),
  ],
  [
    "a table, with zstd",
    "~1ZKLUv_WDjG70NAHbeRSCgJ4UO_____wOy7sRat5F_zgio0CcppZQpITCmp0qcFkcANwA2AGZmZmZVVVVVVUREREREMzMzMzO2bdt227ZtS5IkyZ8VjUshARQQFhLEEMM4cMgoDeMgCBwQQyAoHBgQQwhIEIZBg4EBgAUBd3d3d3dmZmZmZlVVVVVVREREREQzMzMzM7Zt23bbtm1LkiRJCoVCoVAoFAqF_____93d3d2dWeL_____7u7u7s7MzMzMrKqqqqqKiIiIiGhmZmZmxrZt227btm1JkiRJqVQqlUqlUqn0____D4dDggIHAwaCAgQL4v_____d3d3dnZmZmZlZVVVVVRURERER0czMzMyMbdu23bZt25IkSZJisVgsFovF4oGTqCHcps60b6EHSeFuEkgQQEAw9fv__8cYxaC0AfHzfzI4xpi1nHGn2GPWKQ_DMIzHPA9zFoxij1mnnLZGPeM_zud5zPNg5oJY6hnzinlmlXPiH9OBv_PS4_6npYf9ZqVH_U9KDHqb88xnHva4z2zmM0977GMz-5xnPPbDn4pJl38kMf5FEv6BtPF93mGMnMlN3rx5h_5UTca0UxU",
    rows(400),
  ],
  [
    "bytes and numbers",
    "~1bLQAAAHsiYnl0ZXMiOls5LCJVaW50OEFycmF5Iiw0XSwibnVtYmVycyI6WzIsMTZdfQAB_v-lORrK51kcegO0h0mIjhA0lB8ZEECkwpBxQ2k40ObfT1KDGayiDCG7oeDupUMPQahK8xmjFTwcfubGgnnoNnwFKTEZzTbdwrYkMr_xIR4HjKU4GfsHmiFYECiKJ_TN8UnUz8nEwr-8ube1s7Kwr62sPz8_Pz8_Pz8_Pz8_Pz8_Pw",
    { bytes: new Uint8Array([0, 1, 254, 255]), numbers: Array.from({ length: 16 }, (_, i) => 1 / (i + 3.1)) },
  ],
  [
    "each type",
    '~1t{"undef":[3],"nan":[4,"NaN"],"inf":[4,"Infinity"],"ninf":[4,"-Infinity"],"zero":[4,"-0"],"big":[5,"-400000000000000000"],"date":[6,1700000000000],"invalid":[6,null],"map":[7,[0,{"a":1},"k"],[0,[6,0],[3]]],"set":[8,[0,1,"1",[0,2]]],"re":[10,"a+\\\\/b","gi"],"error":[11,"RangeError",{"name":"RangeError","message":"no","stack":"RangeError: no\\n    at f","cause":[11,"TypeError",{"name":"TypeError","message":"why","stack":"TypeError: why"}],"code":"E1"}],"rows":[1,["a"],[0,[5,"1"],[5,"2"]]],"list":[0]}',
    {
      undef: undefined,
      nan: Number.NaN,
      inf: Number.POSITIVE_INFINITY,
      ninf: Number.NEGATIVE_INFINITY,
      zero: -0,
      big: -(2n ** 70n),
      date: new Date(1.7e12),
      invalid: new Date(Number.NaN),
      map: new Map<unknown, unknown>([
        [{ a: 1 }, new Date(0)],
        ["k", undefined],
      ]),
      set: new Set([1, "1", [2]]),
      re: /a+\/b/gi,
      error: Object.assign(new RangeError("no", { cause: new TypeError("why") }), { code: "E1" }),
      rows: [{ a: 1n }, { a: 2n }],
      list: [],
    },
  ],
];

describe.each(["json", "compact", "typed"] as const)("the %s codec still reads", (name) => {
  test.each(GOLDEN)("%s", (_, payload, value) => {
    expect(createCodec(name).decode(payload)).toStrictEqual(value);
  });
});

test("a recorded error keeps its stack and cause", () => {
  const payload = GOLDEN.find(([what]) => what === "each type")?.[1];
  const { error } = createCodec("json").decode(payload) as { error: RangeError };
  expect(error.stack).toBe("RangeError: no\n    at f");
  expect(error.cause).toMatchObject({ name: "TypeError", message: "why", stack: "TypeError: why" });
});
