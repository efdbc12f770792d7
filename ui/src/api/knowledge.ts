/** Collections of documents: what is in them, how far it is, what fits a question; and the text around a citation. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { apiUrl } from "./base";
import { ApiError, call } from "./client";
import type { Collection, Document, Excerpt, FoundPassage, Page } from "./types";

const id = encodeURIComponent;
const PAGE = 100;
/** While something is being read, this often. Milliseconds. */
const SOON = 1_000;
const LATER = 6_000;

const at = (collection: string, rest = "") => `knowledge/${id(collection)}${rest}`;

export const knowledgeApi = {
  collections: (signal?: AbortSignal) =>
    call<{ items: Collection[] }>("GET", "knowledge", { signal }).then(({ items }) => items),
  documents: (collection: string, cursor: string | null, signal?: AbortSignal) =>
    call<Page<Document>>("GET", at(collection, "/documents"), {
      query: { cursor, limit: PAGE },
      signal,
    }),
  addUrl: (collection: string, url: string) => call<Document>("POST", at(collection, "/documents"), { body: { url } }),
  addText: (collection: string, name: string, text: string) =>
    call<Document>("POST", at(collection, "/documents"), { body: { name, text } }),
  remove: (collection: string, document: string) => call<void>("DELETE", at(collection, `/documents/${id(document)}`)),
  search: (collection: string, q: string, where: string, signal?: AbortSignal) =>
    call<{ items: FoundPassage[] }>("GET", at(collection, "/search"), { query: { q, where, limit: 20 }, signal }).then(
      ({ items }) => items,
    ),
  excerpt: (collection: string, document: string, offset: number, signal?: AbortSignal) =>
    call<Excerpt>("GET", at(collection, `/documents/${id(document)}/text`), { query: { offset }, signal }),
};

/** Sends a file as it is. `progress` is told 0 to 1: `fetch` tells nobody how much has left. */
export function upload(
  collection: string,
  file: File,
  progress: (part: number) => void,
  signal: AbortSignal,
): Promise<Document> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", apiUrl(at(collection, "/documents"), { name: file.name }));
    request.setRequestHeader("accept", "application/json");
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 0);
    request.onerror = () => reject(ApiError.unreachable(null));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText) as Document);
      else void ApiError.from(new Response(request.responseText, { status: request.status })).then(reject);
    };
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

export const isMoving = ({ status }: Pick<Document, "status">): boolean => status === "waiting" || status === "reading";

export const collectionsQuery = queryOptions({
  queryKey: ["knowledge"],
  queryFn: ({ signal }) => knowledgeApi.collections(signal),
  refetchInterval: (query) => (query.state.data?.some(({ indexing }) => indexing > 0) ? SOON : LATER),
});

export const documentsQuery = (collection: string) =>
  infiniteQueryOptions({
    queryKey: ["knowledge", collection, "documents"],
    queryFn: ({ pageParam, signal }) => knowledgeApi.documents(collection, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    refetchInterval: (query) => {
      const pages = query.state.data?.pages ?? [];
      return pages.some(({ items }) => items.some(isMoving)) ? SOON : pages.length > 2 ? false : LATER;
    },
  });

export const passagesOfQuery = (collection: string, q: string, where: string) =>
  queryOptions({
    queryKey: ["knowledge", collection, "search", q, where],
    queryFn: ({ signal }) => knowledgeApi.search(collection, q, where, signal),
    placeholderData: keepPreviousData,
    enabled: q !== "",
    retry: false,
  });

export const excerptQuery = (collection: string, document: string, offset: number) =>
  queryOptions({
    queryKey: ["knowledge", collection, "text", document, offset],
    queryFn: ({ signal }) => knowledgeApi.excerpt(collection, document, offset, signal),
    retry: false,
  });
