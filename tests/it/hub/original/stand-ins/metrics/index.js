"use strict";
// Counts nothing: the client only needs the shapes.
class Metric {
    inc() {}
    dec() {}
    mark() {}
    update() {}
    clear() {}
    printObj() { return {}; }
}
class Report {
    constructor() { this.trackedMetrics = {}; }
    addMetric(name, metric) { this.trackedMetrics[name] = metric; }
    getMetric(name) { return this.trackedMetrics[name]; }
    summary() { return {}; }
}
module.exports = { Report, Counter: Metric, Timer: Metric, Meter: Metric, Histogram: Metric };
