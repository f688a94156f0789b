/** A list that may be longer than one answer: iterate over all of it, or take a page at a time. */

export interface Page<T> {
  readonly items: readonly T[];
  /** Null on the last page. */
  readonly nextPageToken: string | null;
}

export class PagedList<T> implements AsyncIterable<T> {
  private readonly fetchPage: (pageToken: string | null) => Promise<Page<T>>;

  constructor(fetchPage: (pageToken: string | null) => Promise<Page<T>>) {
    this.fetchPage = fetchPage;
  }

  page(pageToken: string | null = null): Promise<Page<T>> {
    return this.fetchPage(pageToken);
  }

  async all(): Promise<T[]> {
    const items: T[] = [];
    for await (const item of this) items.push(item);
    return items;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    let token: string | null = null;
    do {
      const page: Page<T> = await this.fetchPage(token);
      yield* page.items;
      // A service of an older version that does not page this list says nothing of a next one.
      token = page.nextPageToken ?? null;
    } while (token !== null);
  }
}
