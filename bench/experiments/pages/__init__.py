"""Does somebody who looks at pages slow scoring, and what do pages weigh?"""
