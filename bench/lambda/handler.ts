import { makeHandlers } from "./handlers.ts";

export const { hello, map, batch } = makeHandlers({});
