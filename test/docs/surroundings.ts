// What a fragment of code in the documentation may take for granted. Compiled, never run.
import type { DurableContext } from "../../src/index.ts";
import type { LocalDurableTestRunner, LocalEngine, LocalExecution } from "../../src/testing.ts";
import type { City } from "./score.ts";

export interface Order {
  id: string;
  cents: number;
  paidAt: Date;
}

export declare const ctx: DurableContext;
export declare const event: { home: City; cities: City[] };
export declare const order: Order;
export declare const orders: Order[];
export declare const places: string[];
export declare const runner: LocalDurableTestRunner;
export declare const engine: LocalEngine;
export declare const execution: LocalExecution;
export declare const metrics: { put(values: Readonly<Record<string, number>>): void };

export declare function charge(order: Order): Promise<string>;
export declare function pay(order: Order): Promise<string>;
export declare function score(order: Order): Promise<number>;
export declare function look(place: string): Promise<boolean>;
export declare function lookAt(seen: { status: string }): Promise<{ status: string }>;
export declare function submit(callbackId: string): Promise<void>;
export declare function remind(): Promise<void>;
export declare function loadOrder(): Promise<Order>;
export declare function loadUser(): Promise<{ name: string }>;
export declare function loadCart(): Promise<Order[]>;
export declare function fetchSomething(): Promise<void>;
