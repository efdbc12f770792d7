/** Where the application and its API live: both follow `<base href>`, so any URL prefix works. */

export function baseUrl(): URL {
  return new URL(".", document.baseURI);
}

/** The prefix for the router, without a slash at its end ("" at the root). */
export function basePath(): string {
  return baseUrl().pathname.replace(/\/+$/, "");
}

export function apiUrl(path: string, query: Query = {}): URL {
  const url = new URL(`api/v1/${path.replace(/^\/+/, "")}`, baseUrl());
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, String(value));
  }
  return url;
}

export type Query = Record<string, string | number | boolean | null | undefined>;
