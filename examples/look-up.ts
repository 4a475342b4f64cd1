// Runs on worker threads: each loads it once, and builds its own index.
import { workerTask } from "../src/workers.ts";
import { AirportIndex, type City, type NearestAirport } from "./geography.ts";

const airports = new AirportIndex();

export function nearestAirport(city: City): NearestAirport {
  failIfOutOfOrder(city, workerTask().attempt);
  return airports.nearest(city.latitude, city.longitude);
}

// The look-up service of this example is out of order for a few cities: for one in 400 at the first attempt, for one in
// 4,000 at the second as well. Which ones follows from the city's id, so that every run gives the same answer.
function failIfOutOfOrder(city: City, attempt: number): void {
  const ticket = Math.imul(city.id, 0x9e3779b1) >>> 0;
  const failingAttempts = ticket % 4_000 === 0 ? 2 : ticket % 400 === 0 ? 1 : 0;
  if (attempt <= failingAttempts) throw new Error(`The look-up service did not answer for ${city.name}`);
}
