"""The second level: candidates, their features, pools, boosting, decoding; the best method on honest folds is kept."""
