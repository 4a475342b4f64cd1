// How far is the nearest airport? One durable step for each of 25,000 cities, on real data and on
// every core, in 251 operations.
//
//   durable-fanout run examples/nearest-airports.ts --name airports --event '{"cities":25000}'
//
// In your own project the import reads: import { … } from "durable-fanout";
import { createRetryStrategy, JitterStrategy, withDurableExecution } from "../src/index.ts";
import { workers } from "../src/workers.ts";
import { airportNames, type City, largestCities, type NearestAirport } from "./geography.ts";

interface Order {
  /** How many of the largest cities to look at, 1 to 100,000. */
  cities: number;
  /** From how many kilometres on an airport counts as far away. Default 100. */
  farKm?: number;
}

interface CountryRow {
  country: string;
  cities: number;
  people: number;
  peopleFarAway: number;
}

interface CityRow extends NearestAirport {
  city: string;
  country: string;
  people: number;
}

interface Answer {
  cities: number;
  people: number;
  airports: number;
  farKm: number;
  peopleFarAway: number;
  medianKm: number;
  /** Where most people live far away, most first. */
  countries: CountryRow[];
  /** The cities farthest from any airport, farthest first. */
  farthest: CityRow[];
  /** The airports that are the nearest one for most people. */
  busiest: { airport: string; iata: string; cities: number; people: number }[];
}

const ROWS = 10;
const airports = airportNames();

const retryStrategy = createRetryStrategy({
  maxAttempts: 5,
  initialDelay: { seconds: 1 },
  backoffRate: 1,
  jitter: JitterStrategy.NONE,
});

// The module runs on worker threads: this one stays free for checkpoints.
const lookUp = workers<typeof import("./look-up.ts")>(new URL("./look-up.ts", import.meta.url), { retryStrategy });

export const handler = withDurableExecution(async (order: Order, ctx): Promise<Answer> => {
  const { farKm = 100 } = order;
  if (!Number.isInteger(order.cities) || order.cities < 1 || order.cities > 100_000) {
    throw new RangeError(`The event's "cities" is ${JSON.stringify(order.cities)}; give a whole number, 1 to 100000.`);
  }
  const cities = largestCities(order.cities);

  // A hundred cities share one operation, since AWS takes 3,000 in an execution, and one message to a thread.
  const batch = await ctx.map("cities", cities, lookUp.nearestAirport, { batch: 100 });
  batch.throwIfError();

  return summarise(cities, batch.getResults(), farKm);
});

function summarise(cities: readonly City[], nearest: readonly NearestAirport[], farKm: number): Answer {
  const countries = new Map<string, CountryRow>();
  const users = new Map<string, { cities: number; people: number }>();
  let people = 0;
  let peopleFarAway = 0;
  const rows: CityRow[] = [];
  for (const [index, city] of cities.entries()) {
    const { iata, km } = nearest[index] as NearestAirport;
    people += city.population;
    let country = countries.get(city.country);
    if (country === undefined) {
      country = { country: city.country, cities: 0, people: 0, peopleFarAway: 0 };
      countries.set(city.country, country);
    }
    country.cities++;
    country.people += city.population;
    if (km > farKm) {
      country.peopleFarAway += city.population;
      peopleFarAway += city.population;
    }
    const airport = users.get(iata) ?? { cities: 0, people: 0 };
    users.set(iata, { cities: airport.cities + 1, people: airport.people + city.population });
    rows.push({ city: city.name, country: city.country, people: city.population, iata, km });
  }
  rows.sort((a, b) => b.km - a.km || b.people - a.people);
  return {
    cities: cities.length,
    people,
    airports: airports.size,
    farKm,
    peopleFarAway,
    medianKm: rows[Math.floor(rows.length / 2)]?.km ?? 0,
    countries: [...countries.values()].sort((a, b) => b.peopleFarAway - a.peopleFarAway).slice(0, ROWS),
    farthest: rows.slice(0, ROWS),
    busiest: [...users]
      .map(([iata, use]) => ({ airport: nameOfAirport(iata), iata, ...use }))
      .sort((a, b) => b.people - a.people)
      .slice(0, ROWS),
  };
}

/** The command line prints this instead of the result's JSON. */
export function formatResult(answer: Answer): string {
  const share = Math.round((1000 * answer.peopleFarAway) / answer.people) / 10;
  return [
    `${count(answer.cities)} cities with ${count(answer.people)} people, ${count(answer.airports)} airports.`,
    `Half of the cities have an airport within ${answer.medianKm} km.`,
    `${count(answer.peopleFarAway)} people (${share} %) live more than ${answer.farKm} km from the nearest one.`,
    "",
    ...table(
      ["Where they live", "cities", "people", "far away", "share"],
      answer.countries.map((row) => [
        nameOfCountry(row.country),
        count(row.cities),
        count(row.people),
        count(row.peopleFarAway),
        `${Math.round((100 * row.peopleFarAway) / row.people)} %`,
      ]),
    ),
    "",
    ...table(
      ["Farthest from an airport", "country", "people", "km", "nearest"],
      answer.farthest.map((row) => [
        row.city,
        nameOfCountry(row.country),
        count(row.people),
        row.km.toFixed(1),
        `${row.iata} ${nameOfAirport(row.iata)}`,
      ]),
    ),
    "",
    ...table(
      ["Nearest airport of most people", "cities", "people"],
      answer.busiest.map((row) => [`${row.iata} ${row.airport}`, count(row.cities), count(row.people)]),
    ),
  ].join("\n");
}

function nameOfAirport(iata: string): string {
  return airports.get(iata) ?? iata;
}

const countryNames = new Intl.DisplayNames("en", { type: "region" });

function nameOfCountry(code: string): string {
  return countryNames.of(code) ?? code;
}

function count(value: number): string {
  return value.toLocaleString("en");
}

/** Lines of equal width: text to the left, what begins with a digit to the right. */
function table(heads: string[], rows: string[][]): string[] {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const right = heads.map((_, column) => rows.every((row) => /^\d/.test(row[column] ?? "")));
  const line = (cells: string[]): string =>
    cells
      .map((cell, column) => (right[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(heads), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)];
}
