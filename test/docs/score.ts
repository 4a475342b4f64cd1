// The module for threads that fragments of the documentation name.
export interface City {
  name: string;
}

export function nearest(city: City): string {
  return city.name;
}
