/** Work that several want at once, by key, and that is done once for all of them; whoever comes when it is over has it done again. */
export class SingleFlight<T> {
  private readonly flights = new Map<string, Promise<T>>();

  /** @param work is begun where nobody's for this key is under way */
  run(key: string, work: () => Promise<T>): Promise<T> {
    let flight = this.flights.get(key);
    if (flight === undefined) {
      flight = work().finally(() => this.flights.delete(key));
      this.flights.set(key, flight);
    }
    return flight;
  }
}
