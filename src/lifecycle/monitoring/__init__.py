"""Watch a model in service: detectors, alarms, labelled performance, and the pages and gauges that show them."""
